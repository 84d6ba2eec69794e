"""Gradients of the weights, summed over each group of sequences."""

import torch

from realmodel.measure.seen import Seen
from realmodel.measure.statistics.products import add_product


class GradientSums:
    """Sums ``gradient/<module>`` (groups, m, d) with the data's labels, float32 or better."""

    def __init__(self, groups: int, sums: dict[str, torch.Tensor], *, device: str | None) -> None:
        self.groups, self.sums, self.device = groups, sums, device

    def see(self, seen: Seen) -> None:
        """Add ``sum_t g_t x_t'`` of one module."""
        if seen.view.draw is not None:
            return
        name, module = f"gradient/{seen.module.name}", seen.module
        if name not in self.sums:
            shape = (self.groups, module.out_features, module.in_features)
            dtype = torch.promote_types(seen.grad.dtype, torch.float32)
            device = self.device or seen.grad.device
            self.sums[name] = torch.zeros(shape, dtype=dtype, device=device)
        add_product(self.sums[name][seen.view.group], seen.gradients, seen.inputs)
