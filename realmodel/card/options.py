"""How a card is measured."""

from dataclasses import dataclass, field
from math import inf
from typing import Final, Literal

from realmodel.costs.checkpointing import Checkpointing, checkpointing_kind
from realmodel.measure.one_pass import DRAWS, ROWS
from realmodel.model.lora_protocol import FinetuneOptions
from theory import InputError

LONGEST_ROW: Final = 1 << 20
"""Tokens: no trainer packs longer rows."""


@dataclass(frozen=True)
class CardOptions:
    """Options of :func:`measure_card`; recorded on the card.

    Parameters
    ----------
    protocol : FinetuneOptions
        The training run whose gain the tangent model predicts. Costs, exports and the rank-limited
        residual norm are for its rank; its seed draws whatever the card draws.
    ridge : float
        Share of the mean eigenvalue added to ``Sigma`` and ``Gamma`` before they are inverted.
    batch_size : int
        Sequences that pass through the model at a time, whatever the run's steps hold.
    max_length : int or None
        Longest sequence in tokens; the model's window by default.
    too_long : {"error", "skip"}
        What to do with a longer one.
    modules : tuple of str or None
        Patterns of the modules to measure; the architecture's by default.
    tangent_samples : int
        Sequences, drawn at random, that the tangent model is measured on.
    draws : int
        Times that labels are sampled from the model: one more backward pass each.
    pilot : bool or None
        Also train all layers, and the recommended ones, for a few steps: it calibrates the level
        of the predicted gains, and refuses to rank where the planned run overshoots. None: where
        there are sequences enough to hold some out.
    trials : int
        Single layers, spread over the depth, that are trained by themselves for as many steps
        beside the pilot, which they imply: they correct the gains of layers alone. 0 for none, or
        at least 2.
    exact_curvature : bool
        Also measure the Gauss-Newton curvature exactly in a few directions per module, by
        forward-mode derivatives: orders of magnitude slower than all the rest together.
    directions : int
        Rank-1 directions per module of the exact curvature.
    damping : float
        Added to its diagonal.
    curvature_samples : int
        Sequences, drawn at random, behind the exact curvature and behind ``intervals``; the
        jackknife error of the gain includes what so few leave uncertain.
    intervals : tuple of tuple of int
        Sets of layers whose gain with every weight free is bracketed by Lanczos.
    interval_products : int
        Gauss-Newton products behind each of a bracket's two sides.
    interval_damping : float
        Added to the whitened curvature there; it is what bounds the spectrum from below.
    partitions, offload
        Memory against time in the pass over the data.
    gradient_checkpointing : {"none", "reentrant", "non-reentrant"}
        What the planned run uses: what a placement costs to train depends on it
        (:mod:`realmodel.costs.checkpointing`).
    packing : int or None
        Tokens of a row where the planned run packs its sequences
        (:func:`realmodel.costs.packing.packed`): of the costs alone, not of the gains.
    calibrate : bool
        Measure time, memory and latency on this device; otherwise count operations.
    """

    protocol: FinetuneOptions = field(default_factory=FinetuneOptions)
    ridge: float = 1e-3
    batch_size: int = 8
    max_length: int | None = None
    too_long: Literal["error", "skip"] = "error"
    modules: tuple[str, ...] | None = None
    tangent_samples: int = ROWS
    draws: int = DRAWS
    pilot: bool | None = False
    trials: int = 0
    exact_curvature: bool = False
    directions: int = 4
    damping: float = 0.0
    curvature_samples: int = 64
    intervals: tuple[tuple[int, ...], ...] = ()
    interval_products: int = 8
    interval_damping: float = 1.0
    partitions: int = 1
    offload: Literal["none", "cpu", "disk"] = "none"
    gradient_checkpointing: Checkpointing = "none"
    packing: int | None = None
    calibrate: bool = True

    def __post_init__(self) -> None:
        """Check ranges."""
        for name in (
            "directions",
            "batch_size",
            "curvature_samples",
            "tangent_samples",
            "draws",
            "partitions",
            "interval_products",
        ):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.trials < 0 or self.trials == 1:
            raise InputError(f"trials must be 0 or at least 2, got {self.trials}")
        for name in ("ridge", "damping"):
            if not 0 <= getattr(self, name) < inf:
                problem = "be finite" if getattr(self, name) > 0 else "not be negative"
                raise InputError(f"{name} must {problem}, got {getattr(self, name)}")
        checkpointing_kind(self.gradient_checkpointing)
        if self.packing is not None and not 1 <= self.packing <= LONGEST_ROW:
            bound = "at least 1 token" if self.packing < 1 else f"at most {LONGEST_ROW} tokens"
            raise InputError(f"packing must be {bound}, got {self.packing}")
        if not 0 < self.interval_damping < inf:
            raise InputError(f"interval_damping must be positive, got {self.interval_damping}")

    @property
    def seed(self) -> int:
        """Of every draw."""
        return self.protocol.seed
