"""The head and the loss at the completion tokens alone, a slice of their logits at a time."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import nn
from torch.nn.functional import linear, one_hot

from realmodel.measure.statistics.completion_logits import completion_logits
from realmodel.model.batches import IGNORED, Batch

ELEMENTS = 1 << 24
"""Largest temporary, in numbers: 341 tokens of a vocabulary of 49,152."""


@dataclass(frozen=True)
class Head:
    """Where derivatives stop: before a linear head ``W`` (V, w), or after the head (no weight)."""

    weight: torch.Tensor | None = None
    bias: torch.Tensor | None = None

    @classmethod
    def of(cls, model: Any, batch: Batch) -> "Head":
        """The linear head, where applying it to what enters it gives the model's own logits.

        Tried on ``batch``: an architecture may scale or cap its logits behind the head, and then
        derivatives stop at the logits.
        """
        module = model.get_output_embeddings()
        if not isinstance(module, nn.Linear):
            return cls()
        bias = cast(torch.Tensor | None, module.bias)  # torch's stubs say that it is there
        found = cls(module.weight.detach(), None if bias is None else bias.detach())
        with torch.no_grad():
            logits, _ = completion_logits(model, batch)
            with stopped_at(model, found):
                values, _ = completion_logits(model, batch)
            if values.shape[1] != module.in_features:
                return cls()
            error = float((found.logits(values) - logits).norm())
        resolution = float(torch.finfo(module.weight.dtype).eps)
        return found if error <= 16 * resolution * float(logits.norm()) else cls()

    def like(self, values: torch.Tensor) -> "Head":
        """The same head in the arithmetic and on the device of ``values``."""
        parts = (self.weight, self.bias)
        return Head(*(None if part is None else part.to(values) for part in parts))

    def logits(self, values: torch.Tensor) -> torch.Tensor:
        """Logits (n, V) from the values (n, w) at which derivatives stop."""
        if self.weight is None:
            return values
        return linear(values.to(self.weight), self.weight, self.bias).to(values.dtype)

    def pulled(self, p: torch.Tensor, labels: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Gradients (n, w) of the summed loss, one for each set of labels (n,).

        ``W'p - W_y``: the product with the whole vocabulary serves all sets of labels.
        """
        if self.weight is None:
            return [p - one_hot(own, p.shape[1]).to(p) for own in labels]
        W = self.weight
        expected = (p.to(W) @ W).to(p.dtype)
        return [expected - W[own.to(W.device)].to(p) for own in labels]


@contextmanager
def stopped_at(model: Any, head: Head) -> Generator[None]:
    """Within this context, the model returns what enters a linear head instead of logits."""
    if head.weight is None:
        yield
        return
    module = model.get_output_embeddings()
    original = module.__dict__.get("forward")
    module.forward = lambda hidden: hidden
    try:
        yield
    finally:
        del module.forward
        if original is not None:
            module.forward = original


def head_gradients(
    head: Head, values: torch.Tensor, targets: torch.Tensor, uniform: torch.Tensor
) -> tuple[float, list[torch.Tensor]]:
    """Summed loss (nats), and gradients (n, w) for the data's labels, then for each draw.

    Parameters
    ----------
    values
        (n, w), at which derivatives stop.
    targets
        (n,), the data's labels.
    uniform
        (D, n) numbers in [0, 1): one draw of all labels from the model for each row, by inverting
        the distribution of each token.

    Examples
    --------
    Behind the head ``W = I`` the gradient is ``p - e_y``; half of [0, 1) draws the first label:

    >>> loss, gradients = head_gradients(
    ...     Head(torch.eye(2)), torch.zeros(1, 2), torch.tensor([1]), torch.tensor([[0.2]])
    ... )
    >>> round(loss, 4), [gradient.tolist() for gradient in gradients]
    (0.6931, [[[0.5, -0.5]], [[-0.5, 0.5]]])
    """
    values = values.detach()
    kinds = 1 + len(uniform)
    gradients = [torch.empty_like(values) for _ in range(kinds)]
    vocabulary = values.shape[1] if head.weight is None else head.weight.shape[0]
    rows, loss = max(1, ELEMENTS // vocabulary), 0.0
    for start in range(0, len(values), rows):
        part = slice(start, start + rows)
        log_p = torch.log_softmax(head.logits(values[part]), dim=-1)
        loss -= float(log_p.gather(1, targets[part, None]).double().sum())
        p = log_p.exp_()
        labels = [targets[part], *_drawn(p, uniform[:, part])]
        for gradient, pulled in zip(gradients, head.pulled(p, labels), strict=True):
            gradient[part] = pulled
    return loss, gradients


def _drawn(p: torch.Tensor, uniform: torch.Tensor) -> list[torch.Tensor]:
    if not len(uniform):
        return []
    cumulative = p.cumsum(dim=-1, dtype=torch.float64)
    points = uniform.T.to(cumulative).contiguous() * cumulative[:, -1:]
    return list(torch.searchsorted(cumulative, points).clamp(max=p.shape[1] - 1).T)


def uniform_numbers(batch: Batch, *, draws: int, seed: int) -> torch.Tensor:
    """Numbers (D, n) in [0, 1) for the batch's completion tokens.

    Those of a sequence depend on ``seed`` and its place in the whole data alone, so a batch's
    size, order and padding change nothing.
    """
    counts = (batch.labels[:, 1:] != IGNORED).sum(dim=1).tolist()
    columns = [
        np.random.Generator(np.random.Philox(key=[seed, place])).random((draws, count))
        for place, count in zip(batch.sequence_index.tolist(), counts, strict=True)
    ]
    return torch.from_numpy(np.concatenate(columns, axis=1))
