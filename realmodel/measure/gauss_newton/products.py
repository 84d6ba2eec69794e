"""Matrix-free Gauss-Newton products with the full weights of chosen modules."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch.func import jvp

from realmodel.measure.gauss_newton.tangents import changed
from realmodel.measure.statistics.capture import captured
from realmodel.measure.statistics.completion_logits import completion_logits
from realmodel.measure.statistics.measuring import measuring
from realmodel.measure.statistics.plan import plan_batches
from realmodel.measure.statistics.products import add_product
from realmodel.model.activation import fused_activations
from realmodel.model.batches import Batch, EncodedExample
from realmodel.model.modules import AdaptedModule
from realmodel.runs.memory_advice import memory_advice
from theory.arrays import Array


class GaussNewtonProducts:
    """``V -> H V`` for changes ``V`` (m, d) of all modules at once, and nothing of H formed.

    ``H V = 1/N sum_t J_t'(diag p_t - p_t p_t') J_t V`` over completion tokens: one forward-mode
    pass for ``J V`` and one backward pass for ``J'``.

    Parameters
    ----------
    labels
        The group of each sequence, ``0 .. groups - 1``.

    Attributes
    ----------
    modules
        Whose weights make up the coordinates, outputs first, in this order.
    group_tokens
        Completion tokens of each group of sequences.
    """

    def __init__(
        self,
        model: Any,
        encoded: Sequence[EncodedExample],
        modules: Sequence[AdaptedModule],
        *,
        batch_size: int,
        labels: Sequence[int],
    ) -> None:
        self.model, self.encoded, self.modules = model, encoded, tuple(modules)
        self.batch_size, self.groups = batch_size, max(labels) + 1
        self._plan = plan_batches(encoded, labels=labels, batch_size=batch_size)
        self.group_tokens = np.zeros(self.groups)
        for planned in self._plan:
            self.group_tokens[planned.group] += planned.tokens(encoded)

    def by_group(self, change: dict[str, Array]) -> dict[str, Array]:
        """Products summed over each group's tokens: (groups, m, d) by module, float64."""
        parameter = next(self.model.parameters())
        V = {
            name: torch.from_numpy(value).to(parameter.dtype).to(parameter.device)
            for name, value in change.items()
        }
        totals = {
            m.name: torch.zeros(
                self.groups, m.out_features, m.in_features, dtype=torch.float64,
                device=parameter.device,
            )
            for m in self.modules
        }  # fmt: skip
        model = self.model
        with measuring(model), fused_activations(model), memory_advice("Lanczos", self.batch_size):
            for planned in self._plan:
                batch = planned.padded(self.encoded, "right", self.model.device)
                self._add(batch, V, {name: total[planned.group] for name, total in totals.items()})
        return {name: total.cpu().numpy() for name, total in totals.items()}

    def _add(
        self, batch: Batch, V: dict[str, torch.Tensor], totals: dict[str, torch.Tensor]
    ) -> None:
        J_V, logits = self._forward(batch, V)
        p = torch.softmax(logits, dim=-1)
        pulled = p * (J_V - (p * J_V).sum(dim=-1, keepdim=True))
        mask = batch.attention_mask.bool()

        def see(module: AdaptedModule, hidden: torch.Tensor, grad: torch.Tensor) -> None:
            rows = mask.to(grad.device)
            add_product(totals[module.name], grad[rows], hidden[rows])

        with captured(self.model, self.modules, see):
            outputs, _ = completion_logits(self.model, batch)
            outputs.backward(pulled.to(outputs.dtype))

    def _forward(
        self, batch: Batch, V: dict[str, torch.Tensor]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        def values(scale: torch.Tensor) -> torch.Tensor:
            def add(name: str, hidden: torch.Tensor, output: torch.Tensor) -> torch.Tensor:
                return output + (hidden @ V[name].to(hidden.device).T) * scale.to(hidden.device)

            with changed(self.model, V, add):
                return completion_logits(self.model, batch)[0]

        zero = next(iter(V.values())).new_zeros(())
        with torch.no_grad():
            result: Any = jvp(values, (zero,), (torch.ones_like(zero),))
        return result[1], result[0]
