"""The protocol of a comparison."""

from dataclasses import asdict, dataclass, field
from typing import Any

from realmodel.finetuning import FinetuneOptions
from realmodel.measure.gauss_newton.curvature_options import CurvatureOptions
from theory import InputError


@dataclass(frozen=True)
class CompareOptions:
    """Which placements, how often, on how much data.

    Parameters
    ----------
    sizes : tuple of int
        Layers per placement; each size has a pool of its own.
    placements : int
        Structured and random placements of each size.
    singles : int or None
        Single layers, spread uniformly; ``None`` for every layer.
    seeds : int
        Fine-tuning runs per placement, with seeds 0, 1, ...
    training_samples, heldout_samples : int
        Sequences to train on and to measure the held-out loss on.
    max_length : int
        Longer sequences are left out.
    exact_curvature : bool
        Also measure the Gauss-Newton curvature exactly in a few directions per module, for the
        scores that need it: minutes on a miniature, hours on a hundred million parameters.
    curvature : CurvatureOptions
        How, then.
    finetune : FinetuneOptions
        The protocol of every run; its seed is replaced.
    seed : int
        Of the random placements and of the choice of samples.

    Raises
    ------
    InputError
        When a number is not positive, or a size stands twice.
    """

    sizes: tuple[int, ...] = (4,)
    placements: int = 30
    singles: int | None = None
    seeds: int = 2
    training_samples: int = 256
    heldout_samples: int = 96
    max_length: int = 72
    exact_curvature: bool = False
    curvature: CurvatureOptions = field(
        default_factory=lambda: CurvatureOptions(directions=2, damping=0.1, curvature_samples=32)
    )
    finetune: FinetuneOptions = field(default_factory=FinetuneOptions)
    seed: int = 0

    def __post_init__(self) -> None:
        for name in (
            "placements",
            "seeds",
            "training_samples",
            "heldout_samples",
            "max_length",
        ):
            if getattr(self, name) < 1:
                raise InputError(
                    f"{name.replace('_', ' ')} must be positive, got {getattr(self, name)}"
                )
        for size in (*self.sizes, *(() if self.singles is None else (self.singles,))):
            if size < 1:
                raise InputError(f"a placement needs at least one layer, got {size}")
        if not self.sizes or len(set(self.sizes)) != len(self.sizes):
            raise InputError(f"sizes must be different numbers of layers, got {self.sizes}")

    def to_dict(self) -> dict[str, Any]:
        """Flat but for the run, whose seed is left out: every run has its own."""
        record = asdict(self)
        record |= record.pop("curvature")
        del record["finetune"]["seed"]
        return record | {"sizes": list(self.sizes)}
