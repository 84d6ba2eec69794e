"""Time and memory of the tangent model before anything runs."""

from collections.abc import Sequence
from typing import Any

import torch

from realmodel.measure.statistics.estimate import StageEstimate
from realmodel.model.batches import EncodedExample
from realmodel.model.modules import AdaptedModule

EFFICIENCY = 0.2
"""Share of the measured matrix-product rate that a pass reaches."""

PASSES = 3
"""Forward, and backward through the activations for two kinds of labels."""


def estimate_tangent(
    model: Any,
    encoded: Sequence[EncodedExample],
    modules: Sequence[AdaptedModule],
    *,
    rank: int,
    rate: float,
    partitions: int = 1,
    dtype: torch.dtype = torch.float32,
) -> StageEstimate:
    """Count the arithmetic and the bytes of the tangent model on these sequences.

    Parameters
    ----------
    rank : int
        Of the adapters whose gradients are kept, sequence by sequence.
    rate : float
        Floating-point operations per second of a matrix product on the device.
    partitions : int
        Groups of layers: each repeats the passes and keeps its own gradients alone.

    Examples
    --------
    >>> from transformers import GPT2Config, GPT2LMHeadModel
    >>> from realmodel.model.modules import find_modules
    >>> model = GPT2LMHeadModel(GPT2Config(n_layer=2, n_embd=8, n_head=2, vocab_size=16))
    >>> data = [EncodedExample((1, 2, 3), (-100, 2, 3), "")] * 8
    >>> stage = estimate_tangent(model, data, find_modules(model).modules, rank=2, rate=1e9)
    >>> weights = 4 * sum(parameter.numel() for parameter in model.parameters())
    >>> stage.memory - weights == 2 * 4 * 8 * 2 * 2 * (24 + 8 + 32 + 8)  # kinds, bytes, n, r, ...
    True
    >>> halves = estimate_tangent(
    ...     model, data, find_modules(model).modules, rank=2, rate=1e9, partitions=2
    ... )
    >>> (halves.memory - weights) * 2 == stage.memory - weights, halves.seconds / stage.seconds
    (True, 2.0)
    """
    weights = sum(parameter.numel() * dtype.itemsize for parameter in model.parameters())
    size = sum(module.in_features * module.out_features for module in modules)
    head = model.get_output_embeddings().weight.numel()
    positions = sum(len(example.input_ids) for example in encoded)
    tokens = sum(example.num_completion_tokens for example in encoded)
    operations = 2.0 * PASSES * partitions * (size * positions + head * tokens)
    outputs = sum(module.out_features for module in modules)
    kept = 2 * 4 * len(encoded) * rank * outputs // partitions
    seconds = operations / (rate * EFFICIENCY)
    return StageEstimate("tangent model", operations, seconds, weights + kept)
