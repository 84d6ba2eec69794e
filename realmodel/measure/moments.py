"""Second moments of inputs and of output gradients."""

from collections.abc import Sequence

import torch

from realmodel.measure.seen import Seen
from realmodel.measure.statistics.products import add_gram, packed_length
from realmodel.model.modules import AdaptedModule


class Moments:
    """Sums ``sigma/<input group>`` and ``gamma/<module>``, packed; float64 on a CPU.

    On a GPU, where memory is scarce, they are float32 unless the model is float64.

    Parameters
    ----------
    output_moment
        ``sampled``: Gamma of the draws' gradients; ``empirical``: of the data's; ``none``.
    device
        Where the sums live; beside the values when None.
    """

    def __init__(
        self,
        modules: Sequence[AdaptedModule],
        sums: dict[str, torch.Tensor],
        *,
        output_moment: str,
        device: str | None,
    ) -> None:
        self.sums, self.output_moment, self.device = sums, output_moment, device
        # Of modules that share an input, the one whose gradient comes first speaks for it.
        last = {module.input_group: module.name for module in modules}
        self._speaks = frozenset(last.values())

    def see(self, seen: Seen) -> None:
        """Add the products of one module."""
        module, sampled = seen.module, seen.view.draw is not None
        if not sampled and module.name in self._speaks:
            self._add(f"sigma/{module.input_group}", seen.inputs)
        if self.output_moment == ("sampled" if sampled else "empirical"):
            self._add(f"gamma/{module.name}", seen.gradients)

    def _add(self, name: str, rows: torch.Tensor) -> None:
        if name not in self.sums:
            device = torch.device(self.device) if self.device else rows.device
            wide = device.type == "cpu" or rows.dtype == torch.float64
            dtype = torch.float64 if wide else torch.float32
            self.sums[name] = torch.zeros(packed_length(rows.shape[1]), dtype=dtype, device=device)
        add_gram(self.sums[name], rows)
