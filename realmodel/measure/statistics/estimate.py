"""Time and memory of each stage before anything runs, from operation counts."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from realmodel.measure.statistics.collect import default_groups
from realmodel.measure.statistics.products import BLOCK
from realmodel.model.batches import EncodedExample
from realmodel.model.forward import text_config
from realmodel.model.modules import AdaptedModule, ModuleTable

STATISTICS_EFFICIENCY = 0.5
"""Share of the measured matrix-product rate that a forward and backward pass reaches."""

TANGENT_EFFICIENCY = 0.2
"""The same for forward-mode passes, which are bound by elementwise work on small models."""


@dataclass(frozen=True)
class StageEstimate:
    """What one stage takes: seconds at ``rate`` operations per second, and peak bytes."""

    stage: str
    operations: float
    seconds: float
    memory: int


def estimate_stages(
    model: Any,
    encoded: Sequence[EncodedExample],
    modules: ModuleTable | Sequence[AdaptedModule],
    *,
    batch_size: int = 8,
    groups: int | None = None,
    output_moment: str = "sampled",
    partitions: int = 1,
    k: int = 4,
    curvature_sequences: int | None = None,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
    rate: float | None = None,
) -> tuple[StageEstimate, ...]:
    """Count the arithmetic and the bytes of statistics, directions and Gauss-Newton.

    Parameters
    ----------
    model
        The architecture is enough: see :func:`realmodel.model.checkpoint.empty_model`.
    rate
        Floating-point operations per second of a matrix product on the device; measured for a
        moment when not given.

    Returns
    -------
    tuple of StageEstimate
        Times are estimates (a factor of two either way is normal), memory is a sum of the large
        arrays alone. Half of the sequences choose the directions, the other half is measured.

    Examples
    --------
    >>> from transformers import GPT2Config, GPT2LMHeadModel
    >>> from realmodel.model.modules import find_modules
    >>> model = GPT2LMHeadModel(GPT2Config(n_layer=2, n_embd=8, n_head=2, vocab_size=16))
    >>> data = [EncodedExample((1, 2, 3), (-100, 2, 3), "")] * 8
    >>> stages = estimate_stages(model, data, find_modules(model), k=1, rate=1e9)
    >>> [stage.stage for stage in stages]
    ['statistics', 'directions', 'Gauss-Newton']
    """
    table = modules.modules if isinstance(modules, ModuleTable) else tuple(modules)
    rate = matrix_rate(device, dtype) if rate is None else rate
    weights = sum(p.numel() * dtype.itemsize for p in model.parameters())
    size = sum(m.in_features * m.out_features for m in table)
    head = model.get_output_embeddings().weight.numel()
    vocabulary = len(model.get_output_embeddings().weight)
    positions = sum(len(example.input_ids) for example in encoded)
    tokens = sum(example.num_completion_tokens for example in encoded)
    inputs = {m.input_group: m.in_features for m in table}
    outputs = [m.out_features for m in table]
    moment = [*inputs.values(), *(outputs if output_moment != "none" else [])]
    sampled = output_moment == "sampled"
    passes = partitions * (4 + 2 * sampled)
    operations = passes * (size * positions + head * tokens)
    operations += 2 * positions * (size + sum(_gram(d) for d in moment))
    kept = groups or default_groups(table, len(encoded))
    wide = 8 if torch.device(device).type == "cpu" else 4
    sums = (wide * sum(d * d for d in moment) + 4 * kept * size) // partitions
    longest = sorted((len(example.input_ids) for example in encoded), reverse=True)[:batch_size]
    batch = len(longest) * longest[0]
    heads = int(getattr(text_config(model), "num_attention_heads", 1))
    layers = len({m.layer for m in table})
    values = sum(inputs.values()) + sum(outputs) + 2 * layers * heads * longest[0]
    activations = batch * (values * dtype.itemsize + 3 * 4 * vocabulary)
    statistics = StageEstimate(
        "statistics",
        operations,
        operations / (rate * STATISTICS_EFFICIENCY),
        weights + sums + activations,
    )
    factor = sum(25.0 * d**3 for d in moment) + sum(
        20.0 * min(m.in_features, m.out_features) * m.in_features * m.out_features for m in table
    )
    largest = max(m.in_features * m.out_features for m in table)
    directions = StageEstimate("directions", factor, factor / rate, weights + sums + 64 * largest)
    half = len(encoded) // 2
    share = min(curvature_sequences or half, half) / max(len(encoded), 1)
    above = 0.0
    for layer in {m.layer for m in table}:
        count = k * sum(m.layer == layer for m in table)
        above += count * sum(m.in_features * m.out_features for m in table if m.layer >= layer)
    K, width = k * len(table), head // vocabulary
    per_token = vocabulary * min(width * K + K * K, width * width) * 2
    tangent = share * (2 * positions * (above + layers * size) + tokens * per_token)
    per_layer = k * max(sum(m.layer == layer for m in table) for layer in {m.layer for m in table})
    rows = longest[0] if torch.device(device).type == "cpu" else batch
    wave = per_layer * rows * 4 * max(outputs) * dtype.itemsize
    seconds = tangent / (rate * TANGENT_EFFICIENCY)
    bent = StageEstimate("Gauss-Newton", tangent, seconds, weights + activations + wave + 8 * K * K)
    return statistics, directions, bent


def _gram(size: int) -> float:
    """Multiplications per row of a symmetric product of which the upper blocks are formed."""
    blocks = -(-size // BLOCK)
    return size * size * (blocks + 1) / (2 * blocks)


def matrix_rate(device: str, dtype: torch.dtype, seconds: float = 0.2) -> float:
    """Floating-point operations per second of a square matrix product, measured."""
    size = 4096 if device.startswith("cuda") else 768
    a = torch.randn(size, size, device=device).to(dtype)

    def run() -> float:
        start = time.perf_counter()
        float((a @ a)[0, 0])  # waits for the device
        return time.perf_counter() - start

    run()
    times = [run()]
    while sum(times) < seconds:
        times.append(run())
    return 2.0 * size**3 / min(times)
