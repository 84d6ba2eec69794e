"""Where LoRA's factors are half-way through a run, and so the directions that the run takes.

From ``(A_0, B_0)`` to ``(A_1, B_1)`` the weight moves by
``B_1 A_1 - B_0 A_0 = dB (A_0 + A_1) / 2 + (B_0 + B_1) / 2 dA``, exactly: the tangent at the
midpoint knows both factors' moves, where the tangent at the start (``B_0 = 0``) is blind to
``A``. ``B``'s midpoint is half the straight step that Adam takes in the budget; ``A`` is taken
where it starts.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from realmodel.measure.statistics.plan import PlannedBatch
from realmodel.measure.tangent.adam import inverse_root, second_moment
from realmodel.measure.tangent.factors import LoraFactors
from realmodel.measure.tangent.gradients import batch_gradients
from realmodel.model.batches import EncodedExample
from realmodel.runs import processes


def midpoint(
    model: Any,
    encoded: Sequence[EncodedExample],
    plan: Sequence[PlannedBatch],
    start: LoraFactors,
    *,
    batch_size: int,
    time: float,
    progress: Callable[[int], None] = lambda done: None,
) -> LoraFactors:
    """Half of Adam's straight step from ``start``: ``-time / 2 * g / sqrt(v)``.

    One forward and backward pass over the sequences; only sums are kept.

    Parameters
    ----------
    model : causal language model
        Left as it was.
    encoded, plan
        The sequences, and the batches that this process runs.
    start : LoraFactors
        ``B`` zero: ``A`` has no gradient then, and stays.
    batch_size : int
        Sequences a step of the run.
    time : float
        Sum of the learning rates.
    """
    total = {layer: torch.zeros(start.size(layer), dtype=torch.float64) for layer in start.layers}
    squares = {layer: torch.zeros_like(values) for layer, values in total.items()}
    for done, planned in enumerate(plan, start=1):
        batch = planned.padded(encoded, "right", model.device)
        for layer, rows in batch_gradients(model, batch, start)[0].items():
            total[layer] += rows.double().sum(dim=0)
            squares[layer] += rows.double().square().sum(dim=0)
        progress(done)
    if processes.active():
        processes.sum_over_processes([*total.values(), *squares.values()])
    count = len(encoded)
    tokens = sum(example.num_completion_tokens for example in encoded) / count
    steps = {}
    for layer in start.layers:
        mean = total[layer].numpy() / count
        variance = np.maximum(squares[layer].numpy() / count - np.square(mean), 0.0)
        g = mean / tokens
        v = second_moment(g, variance, batch_size, tokens)
        steps[layer] = -0.5 * time * g * inverse_root(v, 0.5)
    return start.moved(steps)
