"""Where LoRA's factors are half-way through a run, and so the directions that the run takes.

From ``(A_0, B_0)`` to ``(A_1, B_1)`` the weight moves by
``B_1 A_1 - B_0 A_0 = dB (A_0 + A_1) / 2 + (B_0 + B_1) / 2 dA``, exactly: the tangent at the
midpoint knows both factors' moves, where the tangent at the start (``B_0 = 0``) is blind to
``A``. ``B``'s midpoint is half the straight step that Adam takes in the budget; ``A`` is taken
where it starts.
"""

from collections.abc import Sequence
from typing import Any

import torch

from realmodel.measure.one_pass import one_pass
from realmodel.measure.pass_options import PassOptions
from realmodel.measure.tangent.adam import inverse_root, second_moment
from realmodel.measure.tangent.factors import LoraFactors
from realmodel.model.batches import EncodedExample
from realmodel.model.lora_protocol import FinetuneOptions
from realmodel.model.modules import AdaptedModule


def midpoint(
    model: Any,
    encoded: Sequence[EncodedExample],
    modules: Sequence[AdaptedModule],
    protocol: FinetuneOptions,
    *,
    start: LoraFactors | None = None,
) -> LoraFactors:
    """Half of Adam's straight step: ``-time / 2 * g / sqrt(v)``, by one forward and backward pass.

    Parameters
    ----------
    model : Checkpoint or causal language model
        Left as it was.
    encoded, modules, protocol
        As in :func:`realmodel.measure.one_pass.one_pass`.
    start : LoraFactors, optional
        ``B`` zero: ``A`` has no gradient then, and stays. As drawn by default.
    """
    start = start or LoraFactors.drawn(modules, protocol)
    seen = one_pass(
        model,
        encoded,
        modules,
        PassOptions(draws=0),
        protocol=protocol,
        factors=start,
        groups=0,
        shard=(0, 1),  # a single shard keeps its rows
    )
    tokens = torch.tensor(seen.row_tokens, dtype=torch.float64)
    steps: dict[str, torch.Tensor] = {}
    for module in modules:
        D = seen.sums[f"data/{module.name}"].double()
        g = D.sum(dim=0) / tokens.sum()
        variance = D.var(dim=0, correction=0)
        v = second_moment(g, variance, protocol.batch_size, float(tokens.mean()))
        steps[module.name] = -0.5 * protocol.time * g * inverse_root(v, 0.5)
    return start.moved(steps)
