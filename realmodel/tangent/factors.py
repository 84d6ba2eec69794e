"""LoRA's two factors for every module, apart from any model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch

from realmodel.architectures import AdaptedModule
from realmodel.finetune.adapter import initial_factor
from realmodel.finetune.options import FinetuneOptions
from theory.arrays import Array


@dataclass(frozen=True)
class LoraFactors:
    """``W`` becomes ``W + scaling * B A``; float32, by module name.

    Parameters
    ----------
    modules : tuple of AdaptedModule
        Whose factors these are.
    A : dict of str to (r, d) tensor
    B : dict of str to (m, r) tensor
    scaling : float
        ``alpha / rank``.
    """

    modules: tuple[AdaptedModule, ...]
    A: Mapping[str, torch.Tensor]
    B: Mapping[str, torch.Tensor]
    scaling: float

    @classmethod
    def drawn(
        cls, modules: Sequence[AdaptedModule], options: FinetuneOptions, *, seed: int
    ) -> "LoraFactors":
        """As peft starts: ``A`` at random, ``B`` zero."""
        rank = options.rank
        return cls(
            tuple(modules),
            {m.name: initial_factor((rank, m.in_features), f"{seed}:{m.name}") for m in modules},
            {m.name: torch.zeros(m.out_features, rank) for m in modules},
            options.alpha / rank,
        )

    def size(self, layer: int) -> int:
        """Coordinates of a layer: its modules in turn, of each ``A`` row by row, then ``B``."""
        return sum(
            self.A[m.name].numel() + self.B[m.name].numel()
            for m in self.modules
            if m.layer == layer
        )

    def moved(self, steps: Mapping[int, Array]) -> "LoraFactors":
        """Each layer's coordinates moved by its step of shape (size,)."""
        A, B = dict(self.A), dict(self.B)
        for layer, step in steps.items():
            rest = torch.from_numpy(step).float()
            for module in self.modules:
                if module.layer == layer:
                    for factor in (A, B):
                        own = factor[module.name]
                        factor[module.name] = own + rest[: own.numel()].reshape(own.shape)
                        rest = rest[own.numel() :]
        return replace(self, A=A, B=B)

    def update(self, module: str) -> torch.Tensor:
        """``scaling * B A`` of a module, (m, d)."""
        return self.scaling * self.B[module] @ self.A[module]
