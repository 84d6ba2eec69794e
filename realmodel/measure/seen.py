"""What one module sees of one batch: its input and the gradient at its output."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import torch

from realmodel.model.batches import Batch
from realmodel.model.modules import AdaptedModule
from theory import InputError


@dataclass
class BatchView:
    """One batch, and what the modules that share an input need of it only once.

    Attributes
    ----------
    batch, group
        The sequences, all of one group.
    draw
        Whose labels the present backward pass carries: the data's (None) or those of a draw.
    inner
        What one pass computed for the next ones, by module name.
    """

    batch: Batch
    group: int
    draw: int | None = None
    _unpadded: torch.Tensor | None = None
    _latest: tuple[str, torch.Tensor] | None = None
    inner: dict[str, torch.Tensor] = field(default_factory=dict[str, torch.Tensor])

    def __post_init__(self) -> None:
        self.places: list[int] = self.batch.sequence_index.tolist()
        mask = self.batch.attention_mask
        if not bool(mask.all()):
            self._unpadded = mask.flatten().nonzero().squeeze(1)

    def rows(self, values: torch.Tensor) -> torch.Tensor:
        """The unpadded positions (n, d) of values (b, t, d)."""
        flat = values.flatten(0, 1)
        return flat if self._unpadded is None else flat[self._unpadded.to(flat.device)]

    def input_rows(self, group: str, hidden: torch.Tensor) -> torch.Tensor:
        """:meth:`rows` of an input, kept for the next module that reads it."""
        if self._latest is None or self._latest[0] != group:
            self._latest = (group, self.rows(hidden))
        return self._latest[1]


@dataclass(frozen=True)
class Seen:
    """One module in one backward pass.

    Attributes
    ----------
    hidden, grad
        (b, t, d) and (b, t, m), padding included.
    """

    module: AdaptedModule
    hidden: torch.Tensor
    grad: torch.Tensor
    view: BatchView

    def __post_init__(self) -> None:
        shape = tuple(self.view.batch.attention_mask.shape)
        for values in (self.hidden, self.grad):
            if tuple(values.shape[:-1]) != shape:
                raise InputError(
                    f"module {self.module.name} sees values of shape {tuple(values.shape)}, not "
                    f"one row for each of {shape} positions: leave it out of the modules"
                )

    @cached_property
    def inputs(self) -> torch.Tensor:
        """Input at the unpadded positions (n, d), on the gradient's device."""
        return self.view.input_rows(self.module.input_group, self.hidden).to(self.grad.device)

    @cached_property
    def gradients(self) -> torch.Tensor:
        """Output gradient at the unpadded positions (n, m)."""
        return self.view.rows(self.grad)


class Observer(Protocol):
    """Adds what it wants of each module to named sums."""

    def see(self, seen: Seen) -> None:
        """Called once for each module in each backward pass."""
        ...
