"""Linear CKA of what goes into a layer and what comes out: 1 where it changes next to nothing."""

from typing import Any

import torch

from realmodel.evidence.baselines.context import Context
from realmodel.evidence.baselines.score import Baseline, LayerScores
from realmodel.model.batches import batches

SEQUENCES = 32
"""Sequences whose positions are compared, one at a time."""


def linear_cka(x: torch.Tensor, y: torch.Tensor) -> float:
    """``||Y'X||^2 / (||X'X|| ||Y'Y||)`` of the centred (n, d) features.

    Examples
    --------
    >>> x = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]])
    >>> round(linear_cka(x, 3 * x + 1), 6)
    1.0
    """
    x, y = (z.double() - z.double().mean(dim=0) for z in (x, y))
    cross, own, other = (torch.linalg.matrix_norm(p) for p in (y.T @ x, x.T @ x, y.T @ y))
    return float(cross**2 / (own * other))


def score(context: Context) -> LayerScores:
    """Layers that change their input most first: one minus the similarity."""
    model = context.checkpoint.model
    seen: dict[int, list[tuple[torch.Tensor, torch.Tensor]]] = {at: [] for at in context.layers}

    def keeper(layer: int) -> Any:
        def keep(module: Any, inputs: Any, named: Any, output: Any) -> None:
            came = inputs[0] if inputs else named["hidden_states"]
            went = output[0] if isinstance(output, tuple) else output
            seen[layer].append((came[0].float().cpu(), went[0].float().cpu()))

        return keep

    hooks = [
        model.get_submodule(name).register_forward_hook(keeper(layer), with_kwargs=True)
        for layer, name in context.blocks.items()
    ]
    device = next(model.parameters()).device
    try:
        with torch.inference_mode():
            for batch in batches(context.drawn(SEQUENCES), batch_size=1, pad_id=0):
                model(**batch.to(device).inputs, use_cache=False)
    finally:
        for hook in hooks:
            hook.remove()
    return LayerScores(
        {
            layer: 1.0 - linear_cka(torch.cat([x for x, _ in own]), torch.cat([y for _, y in own]))
            for layer, own in seen.items()
        }
    )


BASELINES = (
    Baseline(
        "input-output-similarity",
        "Dissimilarity of input and output (CKA)",
        "Kornblith et al. 2019, arXiv 1905.00414 (linear CKA, from knowledge); choosing the layers "
        "that change their input most is the rule of reviewers",
        "sequences",
        score,
    ),
)
