"""Time and memory of each stage of a card before anything runs, from operation counts."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch

from realmodel.card.block_statistics import DENSE_UP_TO, WHITENED_UP_TO
from realmodel.card.moment_spectrum import INVERTED_UP_TO
from realmodel.card.options import CardOptions
from realmodel.card.pilot_runs import HELDOUT, pilot_protocol, pilot_wanted
from realmodel.measure.one_pass import GROUPS
from realmodel.measure.operations import count_operations, product_parameters
from realmodel.measure.random_subset import random_groups, random_subset
from realmodel.measure.statistics.plan import plan_batches
from realmodel.measure.statistics.products import packed_length
from realmodel.measure.tangent.quadratic import RESPONSES
from realmodel.measure.trace_sketch import DIRECTIONS, ITERATIONS, PROBES
from realmodel.model.batches import EncodedExample
from realmodel.model.modules import AdaptedModule
from realmodel.runs.stopwatch import fastest

ACTIVATIONS = 1.45
"""Values kept for backward over inputs and outputs of the measured linear maps (1.2 to 1.75)."""

PASSES_OVER_MEMORY = 4.0
"""Reads and writes of each kept value by element-wise work, forward and backward each."""

LAYER_SECONDS = 1.2e-2
"""One layer forward, or backward and observed, of one batch, however small its tensors."""

MODULE_SECONDS = 6e-3
"""Profile of one module, however small."""

PROCESS_BYTES = 2**29
"""Python, torch and transformers themselves, where they share memory with the arrays."""

FORWARD_MODE_EFFICIENCY = 0.2
"""Share of the matrix-product rate that vectorised forward-mode passes reach."""

CALIBRATION_SECONDS = 6.5
"""Time budgets of the costs' stage, which a step that takes longer than its share exceeds."""

WRITING_NUMBER, WRITING_LAYER = 40, 5e4
"""Files and page for one number of the curvature, and the fronts for one layer, in the time that
one number takes to become JSON."""


@dataclass(frozen=True)
class Machine:
    """A second's operations of a matrix product, bytes of a copy, and numbers put into JSON."""

    rate: float
    bandwidth: float
    interpreter: float

    @classmethod
    def measured(cls, device: str, dtype: torch.dtype, rows: int, d: int, m: int) -> "Machine":
        """On products of (rows, d) with (d, m), as the model has them."""
        x, W = (torch.randn(*shape, device=device).to(dtype) for shape in ((rows, d), (d, m)))
        big = torch.randn(1 << 24, device=device)
        numbers = big[:1000].tolist()

        def product() -> None:
            float((x @ W)[0, 0])  # waits for the device

        def copy() -> None:
            float(big.add(1.0)[0])

        product()  # the first call also sets up threads
        seconds, copying = fastest(product, device, 0.2), fastest(copy, device, 0.2)
        writing = fastest(lambda: json.dumps(numbers), "cpu", 0.1)
        return cls(2.0 * rows * d * m / seconds, 2.0 * big.nbytes / copying, len(numbers) / writing)


@dataclass(frozen=True)
class StageEstimate:
    """What one stage takes: operations, seconds, and peak bytes of the large arrays.

    ``host`` are those of them that lie on the host where model and batches are on another device
    and the sums are kept off it.
    """

    stage: str
    operations: float
    seconds: float
    memory: int
    host: int = 0


def expected_stages(
    model: Any,
    encoded: Sequence[EncodedExample],
    modules: Sequence[AdaptedModule],
    options: CardOptions,
    *,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
    machine: Machine | None = None,
) -> tuple[StageEstimate, ...]:
    """Count the arithmetic and the bytes of every stage of a card, and so its time.

    Parameters
    ----------
    model
        The architecture is enough: see :func:`realmodel.model.checkpoint.empty_model`.
    device : str
        A torch device; ``auto`` is cuda where there is one.
    machine
        How fast it is; measured for a moment when not given.

    Examples
    --------
    >>> from transformers import GPT2Config, GPT2LMHeadModel
    >>> from realmodel.model.modules import find_modules
    >>> model = GPT2LMHeadModel(GPT2Config(n_layer=2, n_embd=8, n_head=2, vocab_size=16))
    >>> data = [EncodedExample((1, 2, 3), (-100, 2, 3), "")] * 8
    >>> table = find_modules(model).modules
    >>> stages = expected_stages(
    ...     model, data, table, CardOptions(exact_curvature=True), machine=Machine(1e9, 1e9, 1e6)
    ... )
    >>> [stage.stage for stage in stages]
    ['one pass', 'costs', 'profiles', 'exact curvature', 'writing']
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    shape = _Shape.of(model, encoded, modules, options, dtype)
    if machine is None:
        widest = max(modules, key=lambda module: module.in_features * module.out_features)
        machine = Machine.measured(
            device, dtype, min(shape.batch, 4096), widest.in_features, widest.out_features
        )
    stages = [shape.one_pass(machine)]
    if options.calibrate:
        stages.append(shape.costs(machine))
    stages.append(shape.profiles(machine))
    if pilot_wanted(options, encoded):
        stages.append(shape.pilot(machine))
    if options.trials:
        stages.append(shape.trials(machine))
    if options.exact_curvature:
        stages.append(shape.exact_curvature(machine))
    if options.intervals:
        stages.append(shape.intervals(machine))
    stages.append(shape.writing(machine))
    process = PROCESS_BYTES if device == "cpu" else 0
    return tuple(replace(stage, memory=stage.memory + process) for stage in stages)


def fewest_partitions(
    model: Any,
    encoded: Sequence[EncodedExample],
    modules: Sequence[AdaptedModule],
    options: CardOptions,
    *,
    dtype: torch.dtype,
    host_bytes: float,
) -> int | None:
    """Partitions with which sums and rows, finished ones on disk, fit the host's memory.

    ``None`` where one layer at a time does not. Weights and activations are not counted: they are
    on the host as well where the model is.

    Examples
    --------
    >>> from transformers import GPT2Config, GPT2LMHeadModel
    >>> from realmodel.model.modules import find_modules
    >>> model = GPT2LMHeadModel(GPT2Config(n_layer=4, n_embd=64, n_head=2, vocab_size=16))
    >>> data = [EncodedExample((1, 2, 3), (-100, 2, 3), "")] * 8
    >>> given = {"dtype": torch.float32, "host_bytes": PROCESS_BYTES + 4e6}
    >>> fewest_partitions(model, data, find_modules(model).modules, CardOptions(), **given)
    3
    """
    for count in range(1, len({module.layer for module in modules}) + 1):
        one_pass = replace(options.one_pass, partitions=count, offload="disk")
        tried = replace(options, one_pass=one_pass)
        shape = _Shape.of(model, encoded, modules, tried, dtype)
        machine = Machine(1.0, 1.0, 1.0)
        peak = max(shape.one_pass(machine).host, shape.profiles(machine).host)
        if peak + PROCESS_BYTES <= host_bytes:
            return count
    return None


@dataclass(frozen=True)
class _Shape:
    """Sizes that every stage needs."""

    modules: Sequence[AdaptedModule]
    options: CardOptions
    itemsize: int
    weights: int  # bytes
    body: float  # parameters of the blocks' products
    head: float
    vocabulary: int
    layers: int
    width: int
    lengths: tuple[int, ...]
    tokens: int
    padded: int  # positions, padding included
    batches: int
    batch: int  # positions of the largest batch

    @classmethod
    def of(
        cls,
        model: Any,
        encoded: Sequence[EncodedExample],
        modules: Sequence[AdaptedModule],
        options: CardOptions,
        dtype: torch.dtype,
    ) -> "_Shape":
        body, head = product_parameters(model)
        everything = sum(parameter.numel() for parameter in model.parameters())
        labels = random_groups(len(encoded), min(GROUPS, len(encoded)), options.seed)
        plan = plan_batches(encoded, labels=labels, batch_size=options.one_pass.batch_size)
        lengths = tuple(len(example.input_ids) for example in encoded)
        padded = [len(b.indices) * max(lengths[place] for place in b.indices) for b in plan]
        return cls(
            modules=modules,
            options=options,
            itemsize=dtype.itemsize,
            weights=everything * dtype.itemsize,
            body=body,
            head=head,
            vocabulary=model.get_output_embeddings().weight.shape[0],
            layers=int(model.config.num_hidden_layers),
            width=int(model.config.hidden_size),
            lengths=lengths,
            tokens=sum(example.num_completion_tokens for example in encoded),
            padded=sum(padded),
            batches=len(plan),
            batch=max(padded),
        )

    @cached_property
    def inputs(self) -> tuple[int, ...]:
        """Width of each distinct input."""
        return tuple({m.input_group: m.in_features for m in self.modules}.values())

    @cached_property
    def outputs(self) -> tuple[int, ...]:
        """Width of each module's output."""
        return tuple(module.out_features for module in self.modules)

    @cached_property
    def measured(self) -> int:
        """Numbers in all measured weights."""
        return sum(module.in_features * module.out_features for module in self.modules)

    @property
    def values(self) -> float:
        """Kept for backward, a position."""
        seen = sum(self.inputs) + sum(self.outputs)
        # A pass keeps the activations of every layer, measured or not.
        measured = len({module.layer for module in self.modules})
        return ACTIVATIONS * seen * self.layers / measured

    def one_pass(self, machine: Machine) -> StageEstimate:
        options, rank = self.options.one_pass, self.options.protocol.rank
        sequences, parts, modules = len(self.lengths), options.partitions, self.modules
        counted = count_operations(
            modules,
            options,
            body=self.body,
            head=self.head,
            positions=self.padded,
            tokens=self.tokens,
            sequences=sequences,
            length=self.padded / sequences,
            width=self.width,
            rank=rank,
        )
        operations = sum(counted.card.values())
        passes = parts * (2 + options.draws)
        seconds = operations / machine.rate
        moved = self.values * 4 * PASSES_OVER_MEMORY * passes * self.padded
        seconds += moved / machine.bandwidth
        seconds += LAYER_SECONDS * passes * self.batches * self.layers
        logits = 4 * 4 * min(self.vocabulary * self.batch, 1 << 24)
        activations = int(self.values * self.itemsize * self.batch)
        coordinates = rank * sum(self.outputs)
        rows = min(options.tangent_samples, sequences)
        kept = 4 * (1 + options.draws) * rows * coordinates // parts
        host = (self.sums if options.offload != "disk" else self.sums // parts) + kept
        memory = self.weights + host + activations + logits
        return StageEstimate("one pass", operations, seconds, memory, host)

    @property
    def sums(self) -> int:
        """Bytes of moments and gradient groups."""
        packed = sum(packed_length(size) for size in (*self.inputs, *self.outputs))
        return 8 * packed + 4 * min(GROUPS, len(self.lengths)) * self.measured

    def costs(self, machine: Machine) -> StageEstimate:
        count = min(self.options.protocol.batch_size, len(self.lengths))
        chosen = random_subset(len(self.lengths), count, self.options.seed)
        lengths, packing = [self.lengths[place] for place in chosen], self.options.packing
        positions = count * max(lengths)
        if packing is not None:
            positions = -(-sum(lengths) // packing) * packing
        # Six placements: forward to the head each, backward to depths 1/L, 1, 1/2, 1/2, 1 and 1.
        forward = 2.0 * (self.body + 2 * self.head) * positions
        backward = 2.0 * self.body * positions
        again = self.options.gradient_checkpointing
        if again != "none":
            backward *= 2  # the forward pass once more; of the reentrant kind always to the bottom
        depths = 6 if again == "reentrant" else 4
        # All but one for their peak, and a round for their time; more rounds in the time budgets.
        operations = 2 * (6 * forward + depths * backward)
        step = self.values * 4 * PASSES_OVER_MEMORY * 10 * positions / machine.bandwidth
        step += 10 * LAYER_SECONDS / 4 * self.layers  # nothing is observed
        seconds = operations / machine.rate + 2 * step + CALIBRATION_SECONDS
        memory = self.weights + int(self.values * self.itemsize * positions)
        memory += 3 * 4 * positions * self.vocabulary
        return StageEstimate("costs", operations, seconds, memory + self.sums)

    def pilot(self, machine: Machine) -> StageEstimate:
        return self._short_runs("pilot", 2, 1.0, machine)

    def trials(self, machine: Machine) -> StageEstimate:
        # Backward stops at the layer that is trained: on average half-way.
        count = min(self.options.trials, self.layers)
        return self._short_runs("trials", count, 0.5, machine)

    def _short_runs(self, stage: str, count: int, depth: float, machine: Machine) -> StageEstimate:
        sequences, length = len(self.lengths), sum(self.lengths) / len(self.lengths)
        protocol = pilot_protocol(self.options.protocol, sequences)
        trained = count * protocol.steps * min(protocol.batch_size, sequences) * length
        read = (1 + count) * min(HELDOUT, sequences // 5) * length
        # Forward and backward to the inputs; adapted weights themselves take no gradient.
        operations = 2 * (trained + read) * (self.body + self.head)
        operations += 2 * trained * (depth * self.body + self.head)
        moved = self.values * 4 * PASSES_OVER_MEMORY * ((1 + depth) / 2 * trained + read)
        seconds = operations / machine.rate + moved / machine.bandwidth
        # Nothing is observed.
        seconds += count * protocol.steps * (1 + depth) * LAYER_SECONDS / 4 * self.layers
        batch = protocol.batch_size * max(self.lengths)
        memory = self.weights + int(self.values * self.itemsize * batch) + self.sums
        return StageEstimate(stage, operations, seconds, memory + 12 * batch * self.vocabulary)

    def profiles(self, machine: Machine) -> StageEstimate:
        groups = min(GROUPS, len(self.lengths))
        # Of each input two factors, and up to a width the inverse; of each output one.
        exact = sum(float(d) ** 3 * (2 / 3 + (d <= INVERTED_UP_TO)) for d in self.inputs)
        exact += sum(float(m) ** 3 / 3 for m in self.outputs)
        lanczos = sum(2 * 60 * 8 * float(d) ** 2 for d in self.inputs)  # bytes
        whitened = values = 0.0
        powers, columns = 2 + 2 * ITERATIONS, DIRECTIONS + PROBES
        for d in self.inputs:
            if d > INVERTED_UP_TO:
                whitened += float(d) ** 2 * (powers * DIRECTIONS + columns)
        for module in self.modules:
            m, d = module.out_features, module.in_features
            if min(m, d) > WHITENED_UP_TO:
                # A triangular solve on each side, and the gradient between them.
                one, both = 2 * m * d + d**2, 2 * m * d + d**2 + m**2
                whitened += powers * DIRECTIONS * float(one + both)
                whitened += columns * float(one * (1 + groups) + m**2)
                continue
            whitened += groups * float(m * d**2 + m**2 * d)
            side = powers * DIRECTIONS if min(m, d) > DENSE_UP_TO else min(m, d)
            values += 2.0 * m * d * side
        operations = exact + whitened + values
        # Double precision has half the rate, and triangular work a good half of that.
        seconds = (4 * exact + whitened + 2 * values) / machine.rate + lanczos / machine.bandwidth
        seconds += MODULE_SECONDS * len(self.modules)
        largest = max(*self.inputs, *self.outputs)
        widest = max(m.in_features * m.out_features for m in self.modules)
        host = 8 * 4 * largest**2 + 4 * 3 * groups * widest
        host += 0 if self.options.one_pass.offload == "disk" else self.sums
        return StageEstimate("profiles", operations, seconds, self.weights + host, host)

    def writing(self, machine: Machine) -> StageEstimate:
        layers = len({module.layer for module in self.modules})
        numbers = float(layers * (RESPONSES + 1)) ** 2
        operations = WRITING_NUMBER * numbers + WRITING_LAYER * layers
        memory = self.weights + int(200 * numbers)
        return StageEstimate("writing", operations, operations / machine.interpreter, memory)

    def exact_curvature(self, machine: Machine) -> StageEstimate:
        k, half = self.options.curvature.directions, max(1, len(self.lengths) // 2)
        share = min(self.options.curvature.curvature_samples, half) / len(self.lengths)
        positions = share * sum(self.lengths)
        per_layer = self.body / self.layers
        lowest = {module.layer for module in self.modules}
        above = 0.0  # every direction is pushed through the whole network above its layer
        for layer in lowest:
            count = k * sum(module.layer == layer for module in self.modules)
            above += count * per_layer * (self.layers - layer)
        forward = len(lowest) * self.body
        K, width = k * len(self.modules), self.head / self.vocabulary
        per_token = 2.0 * self.vocabulary * min(width * K + K * K, width * width)
        operations = 2 * positions * (above + forward) + share * self.tokens * per_token
        chosen = sum(
            25.0 * (module.in_features**3 + module.out_features**3) / 3 for module in self.modules
        )
        seconds = operations / (machine.rate * FORWARD_MODE_EFFICIENCY) + chosen / machine.rate
        groups = 16
        wave = k * max(sum(m.layer == layer for m in self.modules) for layer in lowest)
        longest = max(self.lengths) * max(self.outputs)
        tangents = K * max(self.lengths) * int(width) * self.itemsize
        memory = self.weights + 8 * groups * K * K + tangents + 6 * wave * longest * self.itemsize
        return StageEstimate("exact curvature", operations + chosen, seconds, memory)

    def intervals(self, machine: Machine) -> StageEstimate:
        count = min(self.options.curvature.curvature_samples, len(self.lengths))
        positions = count / len(self.lengths) * sum(self.lengths)
        products = 2 * self.options.lanczos.products * len(self.options.intervals)
        operations = products * positions * (8 * self.body + 6 * self.head)
        activations = int(self.values * self.itemsize * self.batch)
        memory = self.weights + 8 * 4 * self.measured + activations
        seconds = operations / (machine.rate * 2 * FORWARD_MODE_EFFICIENCY)
        return StageEstimate("intervals", operations, seconds, memory)
