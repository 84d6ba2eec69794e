"""The Gauss-Newton matrix from derivatives at the output: ``sum_t J_t' (diag p - p p') J_t``."""

import torch

from realmodel.measure.head import Head

ELEMENTS = 1 << 24
"""Largest temporary, in numbers."""


def output_gram(derivatives: torch.Tensor, outputs: torch.Tensor, head: Head) -> torch.Tensor:
    """Sum over tokens of the curvature in K coordinates, (K, K) float64.

    Parameters
    ----------
    derivatives
        (K, n, w), of the values before a linear head or of the logits.
    outputs
        (n, w), the values themselves.

    Notes
    -----
    With ``Z_t = (diag p)^{1/2} (J_t - 1 p' J_t)`` each term is ``Z_t' Z_t``: never indefinite.
    Behind a linear head ``J_t = W X_t`` it is ``X_t' F_t X_t`` with
    ``F_t = W_c' diag(p) W_c``, ``W_c = W - 1 p' W``, which is cheaper when w^2 < K w + K^2.

    Examples
    --------
    Two coordinates that move the two logits apart and together; p = (1/2, 1/2):

    >>> J = torch.tensor([[[1.0, -1.0]], [[1.0, 1.0]]])
    >>> output_gram(J, torch.zeros(1, 2), Head()).round(decimals=6).tolist()
    [[1.0, 0.0], [0.0, 0.0]]
    """
    count, _, width = derivatives.shape
    head = head.like(derivatives)
    total = torch.zeros(count, count, dtype=torch.float64, device=derivatives.device)
    through_factor = head.weight is not None and width**2 < count * width + count**2
    vocabulary = outputs.shape[1] if head.weight is None else head.weight.shape[0]
    rows = max(1, ELEMENTS // (vocabulary * (width if through_factor else count)))
    for start in range(0, outputs.shape[0], rows):
        stop = start + rows
        X, values = derivatives[:, start:stop], outputs[start:stop]
        p = torch.softmax(head.logits(values), dim=-1)
        W = head.weight
        if W is not None and through_factor:
            centred = (W - (p @ W)[:, None]) * p.sqrt()[:, :, None]
            F = centred.mT @ centred
            X = X.transpose(0, 1)
            left, right = (X @ F).transpose(0, 1), X.transpose(0, 1)
        else:
            J = X if W is None else X @ W.T
            left = right = (J - (J * p).sum(dim=-1, keepdim=True)) * p.sqrt()
        total += left.flatten(1) @ right.flatten(1).T
    return (total + total.T) / 2
