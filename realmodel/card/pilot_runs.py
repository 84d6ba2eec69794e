"""Short runs of the planned kind, on sequences of the card: what a pilot measures."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import torch

from realmodel.card.certified import DEFAULT_SIZE, best_of_size
from realmodel.card.options import CardOptions
from realmodel.card.pilot import Pilot, PilotRun
from realmodel.card.predictor import Predictor
from realmodel.card.trials import trial_layers
from realmodel.finetuning.loss import trailing_loss
from realmodel.finetuning.training import train
from realmodel.measure.random_subset import random_groups, random_order
from realmodel.model.adapter import adapted
from realmodel.model.batches import IGNORED, EncodedExample, batches, padding_id
from realmodel.model.checkpoint import Checkpoint
from realmodel.model.lora_protocol import FinetuneOptions
from realmodel.model.modules import ModuleTable
from realmodel.model.target import target_modules
from theory import InputError
from theory.arrays import Array, Float64
from theory.jackknife import jackknife_error

STEPS: Final = 32
"""Steps that a pilot takes at least, however few sequences there are, unless fewer are planned."""

HELDOUT: Final = 64
"""Most sequences that its gain is measured on: a fifth where there are fewer."""

GROUPS: Final = 8
"""Groups of held-out sequences, a batch each, that the error of a gain is taken from."""

LEAST: Final = 64
"""Sequences below which there is nothing to hold out."""


def pilot_wanted(options: CardOptions, encoded: Sequence[EncodedExample]) -> bool:
    """Whether a pilot is asked for, or left to whether it can be made."""
    if options.trials or options.pilot is not None:
        return bool(options.trials or options.pilot)
    try:
        held_out(encoded, options.seed)
    except InputError:
        return False
    return True


def pilot_protocol(planned: FinetuneOptions, sequences: int) -> FinetuneOptions:
    """The planned run, or its like in as many steps as see every sequence once.

    Two such runs, of which neither takes gradients of the weights, cost about what the card's pass
    over the same sequences does. The rate falls to zero within them.

    Examples
    --------
    >>> run = FinetuneOptions(steps=100, batch_size=8)
    >>> [pilot_protocol(run, sequences).steps for sequences in (64, 512, 1024)]
    [32, 64, 100]
    """
    return replace(planned, steps=min(planned.steps, max(STEPS, sequences // planned.batch_size)))


def make_pilot(
    checkpoint: Checkpoint,
    encoded: Sequence[EncodedExample],
    table: ModuleTable,
    tangent: Predictor,
    planned: FinetuneOptions,
    *,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Pilot:
    """Train all layers, then the best of the default size; measure what each gains elsewhere.

    Parameters
    ----------
    checkpoint : Checkpoint
        Its model is left as it was.
    encoded : sequence of EncodedExample
        The card's; a fifth by distinct prompts, at most 64 sequences, is held out.
    table : ModuleTable
        Every module of a layer is adapted.
    tangent : Predictor
        Of the planned run, one block per layer of ``table``.
    planned : FinetuneOptions
        The pilot takes as many steps of it as :func:`pilot_protocol` says; both runs see the same
        batches.
    progress : callable
        Told the steps done, and of how many.

    Raises
    ------
    InputError
        Fewer than 64 sequences, or too few prompts.
    """
    short = ShortRuns.of(checkpoint, encoded, table, planned)
    # Of a model of so few layers that the recommended ones are all, one is left out.
    size = max(1, min(DEFAULT_SIZE, len(table.layers) - 1))
    best = best_of_size(tangent.quadratic, size)
    placements = [tuple(range(len(table.layers))), best.layers]
    runs = short.of_placements(placements, tangent, progress)
    held, trained = len(short.heldout), len(short.training)
    return Pilot(short.protocol, planned.steps, trained, held, short.loss, *runs)


def make_trials(
    checkpoint: Checkpoint,
    encoded: Sequence[EncodedExample],
    table: ModuleTable,
    tangent: Predictor,
    planned: FinetuneOptions,
    count: int,
    *,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[PilotRun, ...]:
    """Train single layers, spread evenly over the depth, as the pilot trains.

    Parameters
    ----------
    checkpoint, encoded, table, tangent, planned, progress
        As for :func:`make_pilot`, and refused where it refuses.
    count : int
        Layers; all where there are no more.
    """
    short = ShortRuns.of(checkpoint, encoded, table, planned)
    tried = trial_layers(range(len(table.layers)), count)
    return short.of_placements([(position,) for position in tried], tangent, progress)


@dataclass(frozen=True)
class ShortRuns:
    """What runs of the planned kind share that can be compared.

    Attributes
    ----------
    checkpoint : Checkpoint
    table : ModuleTable
    protocol : FinetuneOptions
    training, heldout : tuple of EncodedExample
    before, counts : array of shape (groups,)
        Summed loss before any run and completion tokens of each group of the held-out sequences.
    """

    checkpoint: Checkpoint
    table: ModuleTable
    protocol: FinetuneOptions
    training: tuple[EncodedExample, ...]
    heldout: tuple[EncodedExample, ...]
    before: Float64[Array, " groups"]
    counts: Float64[Array, " groups"]

    @classmethod
    def of(
        cls,
        checkpoint: Checkpoint,
        encoded: Sequence[EncodedExample],
        table: ModuleTable,
        planned: FinetuneOptions,
    ) -> "ShortRuns":
        """Split the sequences, and measure the loss of those held out."""
        protocol = pilot_protocol(planned, len(encoded))
        training, heldout = held_out(encoded, protocol.seed)
        losses = group_losses(checkpoint.model, heldout, padding_id(checkpoint.tokenizer))
        return cls(checkpoint, table, protocol, training, heldout, *losses)

    @property
    def loss(self) -> float:
        """Before, nats per completion token."""
        return float(self.before.sum() / self.counts.sum())

    def of_placements(
        self,
        placements: Sequence[tuple[int, ...]],
        tangent: Predictor,
        progress: Callable[[int, int], None],
    ) -> tuple[PilotRun, ...]:
        """One run of each set of positions, all from the same batches."""
        model, steps = tangent.within(self.protocol.steps), self.protocol.steps
        runs: list[PilotRun] = []
        for number, positions in enumerate(placements):

            def step(done: int, base: int = number * steps) -> None:
                progress(base + done, len(placements) * steps)

            after = self._losses_after(positions, step)
            step(steps)
            layers = tuple(self.table.layers[position] for position in positions)
            runs.append(_run(layers, model.gain(positions), self.before, after, self.counts))
        return tuple(runs)

    def _losses_after(
        self, positions: tuple[int, ...], on_step: Callable[[int], None]
    ) -> Float64[Array, " groups"]:
        layers = tuple(self.table.layers[position] for position in positions)
        modules = target_modules(self.table, layers=layers)
        pad_id = padding_id(self.checkpoint.tokenizer)
        with adapted(self.checkpoint.model, modules, self.protocol) as peft:
            try:
                train(peft, self.training, self.protocol, pad_id=pad_id, on_step=on_step)
                return group_losses(peft, self.heldout, pad_id)[0]
            except InputError:  # a loss that is not finite: what a pilot is there to find
                return np.full_like(self.before, np.inf)


def _run(
    layers: tuple[int, ...],
    promised: float,
    before: Float64[Array, " groups"],
    after: Float64[Array, " groups"],
    counts: Float64[Array, " groups"],
) -> PilotRun:
    if not np.isfinite(after).all():
        return PilotRun(layers, promised, -float(before.sum() / counts.sum()), 0.0)
    fall = before - after
    left_out = (fall.sum() - fall) / (counts.sum() - counts)
    gain = float(fall.sum() / counts.sum())
    return PilotRun(layers, promised, gain, float(jackknife_error(left_out)))


def held_out(
    encoded: Sequence[EncodedExample], seed: int
) -> tuple[tuple[EncodedExample, ...], tuple[EncodedExample, ...]]:
    """Sequences to train on, and others of other prompts to measure on.

    Raises
    ------
    InputError
        Fewer than 64 sequences, or all of one prompt.

    Examples
    --------
    >>> rows = [EncodedExample((at // 2, 7), (IGNORED, 7), "") for at in range(80)]
    >>> training, heldout = held_out(rows, seed=0)
    >>> len(training), len(heldout)
    (64, 16)
    >>> {row.input_ids for row in training} & {row.input_ids for row in heldout}
    set()
    """
    if len(encoded) < LEAST:
        raise InputError(
            f"{len(encoded)} sequences are too few for a pilot, which needs {LEAST}: give more "
            "examples, or measure the card without a pilot"
        )
    prompts: dict[tuple[int, ...], list[int]] = {}
    for place in random_order(len(encoded), seed):
        prompts.setdefault(_prompt(encoded[place]), []).append(place)
    wanted, chosen = min(HELDOUT, len(encoded) // 5), set[int]()
    for places in prompts.values():
        if len(chosen) + len(places) <= wanted:
            chosen.update(places)
    if len(chosen) < GROUPS:
        raise InputError(
            f"{len(encoded)} sequences of {len(prompts)} distinct prompts cannot be split for a "
            "pilot: give examples of more prompts, or measure the card without a pilot"
        )
    heldout = tuple(encoded[place] for place in sorted(chosen))
    return tuple(row for place, row in enumerate(encoded) if place not in chosen), heldout


def _prompt(example: EncodedExample) -> tuple[int, ...]:
    """What comes before the first trained token; the whole of a text that is trained from there."""
    first = next(at for at, label in enumerate(example.labels[1:], 1) if label != IGNORED)
    return example.input_ids[:first] if first > 1 else example.input_ids


def group_losses(
    model: Any, heldout: Sequence[EncodedExample], pad_id: int
) -> tuple[Float64[Array, " groups"], Float64[Array, " groups"]]:
    """Summed loss (nats) and completion tokens of each of ``GROUPS`` groups of sequences."""
    label = random_groups(len(heldout), GROUPS, seed=0)
    device = next(model.parameters()).device
    losses, counts = np.zeros(GROUPS), np.zeros(GROUPS)
    with torch.inference_mode():
        for group in range(GROUPS):
            rows = [row for row, own in zip(heldout, label, strict=True) if own == group]
            (batch,) = batches(rows, batch_size=len(rows), pad_id=pad_id)
            loss, count = trailing_loss(model, batch.to(device))
            losses[group], counts[group] = float(loss), count
    return losses, counts
