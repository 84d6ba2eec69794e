"""LoRA's two factors for every module, apart from any model."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch

from realmodel.model.adapter import initial_factor
from realmodel.model.lora_protocol import FinetuneOptions
from realmodel.model.modules import AdaptedModule

DRAW = 7919
"""Seed of the factors that are measured: none that a fine-tuning run uses."""


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
        cls, modules: Sequence[AdaptedModule], options: FinetuneOptions, *, seed: int | None = None
    ) -> "LoraFactors":
        """As peft starts: ``A`` at random, ``B`` zero; by default as no fine-tuning run draws."""
        rank, seed = options.rank, DRAW + options.seed if seed is None else seed
        return cls(
            tuple(modules),
            {m.name: initial_factor((rank, m.in_features), f"{seed}:{m.name}") for m in modules},
            {m.name: torch.zeros(m.out_features, rank) for m in modules},
            options.alpha / rank,
        )

    @cached_property
    def free(self) -> tuple[Mapping[str, torch.Tensor], ...]:
        """The factors that have a gradient: while ``B`` is zero, ``A`` has none."""
        at_start = not any(bool(outer.any()) for outer in self.B.values())
        return (self.B,) if at_start else (self.A, self.B)

    @cached_property
    def digest(self) -> str:
        """Of both factors of every module."""
        found = hashlib.sha256(str(self.scaling).encode())
        for module in self.modules:
            for factor in (self.A, self.B):
                found.update(factor[module.name].numpy().tobytes())
        return found.hexdigest()

    def only(self, modules: Sequence[AdaptedModule]) -> "LoraFactors":
        """Of these modules alone."""
        names = [module.name for module in modules]
        A, B = ({name: factor[name] for name in names} for factor in (self.A, self.B))
        return replace(self, modules=tuple(modules), A=A, B=B)

    def moved(self, steps: Mapping[str, torch.Tensor]) -> "LoraFactors":
        """Each module's free factors, in turn and row by row, moved by its step of shape (p,)."""
        factors = [dict(factor) for factor in self.free]
        for name, step in steps.items():
            rest = step.float()
            for factor in factors:
                own = factor[name]
                factor[name] = own + rest[: own.numel()].reshape(own.shape)
                rest = rest[own.numel() :]
        return replace(self, A=self.A if len(factors) == 1 else factors[0], B=factors[-1])
