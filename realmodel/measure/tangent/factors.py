"""LoRA's two factors for every module, apart from any model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch

from realmodel.model.adapter import initial_factor
from realmodel.model.lora_protocol import FinetuneOptions
from realmodel.model.modules import AdaptedModule
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

    @cached_property
    def layers(self) -> tuple[int, ...]:
        """Of the modules, ascending."""
        return tuple(sorted({module.layer for module in self.modules}))

    @cached_property
    def free(self) -> tuple[Mapping[str, torch.Tensor], ...]:
        """The factors that have a gradient: while ``B`` is zero, ``A`` has none."""
        at_start = not any(bool(outer.any()) for outer in self.B.values())
        return (self.B,) if at_start else (self.A, self.B)

    def size(self, layer: int) -> int:
        """Coordinates of a layer: its modules in turn, of each the free factors, row by row."""
        return sum(
            factor[module.name].numel()
            for module in self.modules
            if module.layer == layer
            for factor in self.free
        )

    def moved(self, steps: Mapping[int, Array]) -> "LoraFactors":
        """Each layer's coordinates moved by its step of shape (size,)."""
        factors = [dict(factor) for factor in self.free]
        for layer, step in steps.items():
            rest = torch.from_numpy(step).float()
            for module in self.modules:
                if module.layer == layer:
                    for factor in factors:
                        own = factor[module.name]
                        factor[module.name] = own + rest[: own.numel()].reshape(own.shape)
                        rest = rest[own.numel() :]
        return replace(self, A=self.A if len(factors) == 1 else factors[0], B=factors[-1])
