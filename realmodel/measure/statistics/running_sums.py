"""The sums of one partition of the modules while batches stream through."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch.nn.functional import cross_entropy

from realmodel.measure.statistics.capture import captured
from realmodel.measure.statistics.completion_logits import completion_logits
from realmodel.measure.statistics.products import add_gram, add_product
from realmodel.measure.statistics.sampled_labels import sampled_labels
from realmodel.model.batches import Batch
from realmodel.model.modules import AdaptedModule
from theory import InputError


class RunningSums:
    """Moments in float64 on a CPU (float32 on a GPU), gradients in float32 or better.

    Parameters
    ----------
    modules
        Whose inputs and output gradients are summed.
    groups
        Gradient sums to keep.
    output_moment
        Where Gamma comes from; see :class:`realmodel.measure.statistics.Options`.
    device
        Where the sums live; by default beside the values.
    double
        Form every product in float64: the reference of the accuracy check.
    """

    def __init__(
        self,
        modules: Sequence[AdaptedModule],
        *,
        groups: int = 1,
        output_moment: str = "none",
        device: str | None = None,
        double: bool = False,
    ) -> None:
        self.modules, self.groups, self.output_moment = tuple(modules), groups, output_moment
        self.device, self.double = device, double
        self.tensors: dict[str, torch.Tensor] = {}
        self.positions = 0
        self.tokens, self.sequences = [0] * groups, [0] * groups
        self.losses = [0.0] * groups
        # Of modules that share an input, the first one speaks for it.
        first: dict[str, str] = {}
        for module in self.modules:
            first.setdefault(module.input_group, module.name)
        self._first = frozenset(first.values())
        self._group, self._sampling = 0, False
        self._mask: torch.Tensor | None = None
        self._shape: tuple[int, ...] = ()

    def add(self, model: Any, batch: Batch, *, group: int = 0, seed: int = 0) -> None:
        """Run one batch forward and backward and add it.

        Raises
        ------
        InputError
            If the loss is not finite or a module does not see one row per position.
        """
        mask = batch.attention_mask
        self._group, self._shape = group, tuple(mask.shape)
        self._mask = None if bool(mask.all()) else mask.bool()
        with captured(model, self.modules, self._see):
            logits, targets = completion_logits(model, batch)
            loss = cross_entropy(logits, targets, reduction="sum")
            if not bool(torch.isfinite(loss)):
                raise InputError(
                    f"the loss of sequences {batch.sequence_index.tolist()} is {loss.item()}: "
                    "load the model in another dtype or check its weights"
                )
            sampled = self.output_moment == "sampled"
            self._sampling = False
            loss.backward(retain_graph=sampled)
            if sampled:
                self._sampling = True
                labels = sampled_labels(logits, batch, batch.sequence_index, seed)
                cross_entropy(logits, labels, reduction="sum").backward()
        self.positions += int(mask.sum())
        self.tokens[group] += len(targets)
        self.sequences[group] += len(mask)
        self.losses[group] += loss.item()

    @property
    def counts(self) -> dict[str, Any]:
        """Positions, tokens, sequences and losses, for JSON."""
        return {
            "positions": self.positions,
            "tokens": self.tokens,
            "sequences": self.sequences,
            "losses": self.losses,
        }

    def resume(
        self,
        tensors: Mapping[str, torch.Tensor],
        counts: Mapping[str, Any],
        done: int,
        *,
        device: torch.device,
    ) -> int:
        """Continue from stored sums; returns ``done``."""
        target = self.device or device
        self.tensors = {name: tensor.to(target) for name, tensor in tensors.items()}
        self.positions, self.losses = counts["positions"], counts["losses"]
        self.tokens, self.sequences = counts["tokens"], counts["sequences"]
        return done

    def _see(self, module: AdaptedModule, hidden: torch.Tensor, grad: torch.Tensor) -> None:
        gradients = self._rows(module, grad)
        if self._sampling:
            self._add_gram(f"gamma/{module.name}", gradients)
            return
        inputs = self._rows(module, hidden).to(gradients.device)
        if module.name in self._first:
            self._add_gram(f"sigma/{module.input_group}", inputs)
        if self.output_moment == "empirical":
            self._add_gram(f"gamma/{module.name}", gradients)
        name = f"gradient/{module.name}"
        if name not in self.tensors:
            shape = (self.groups, gradients.shape[1], inputs.shape[1])
            dtype = torch.float64 if inputs.dtype == torch.float64 else torch.float32
            device = self.device or inputs.device
            self.tensors[name] = torch.zeros(shape, dtype=dtype, device=device)
        add_product(self.tensors[name][self._group], gradients, inputs)

    def _add_gram(self, name: str, rows: torch.Tensor) -> None:
        if name not in self.tensors:
            device = torch.device(self.device) if self.device else rows.device
            wide = device.type == "cpu" or rows.dtype == torch.float64
            dtype = torch.float64 if wide else torch.float32
            size = rows.shape[1]
            self.tensors[name] = torch.zeros(size, size, dtype=dtype, device=device)
        add_gram(self.tensors[name], rows)

    def _rows(self, module: AdaptedModule, values: torch.Tensor) -> torch.Tensor:
        if tuple(values.shape[:-1]) != self._shape:
            raise InputError(
                f"module {module.name} sees values of shape {tuple(values.shape)}, not one row "
                f"for each of {self._shape} positions: leave it out with --modules"
            )
        values = (
            values.flatten(0, 1) if self._mask is None else values[self._mask.to(values.device)]
        )
        return values.double() if self.double else values
