"""How a card is measured."""

from dataclasses import asdict, dataclass, field
from typing import Any, Final

from realmodel.costs.checkpointing import Checkpointing, checkpointing_kind
from realmodel.measure.gauss_newton.curvature_options import CurvatureOptions
from realmodel.measure.gauss_newton.lanczos_options import LanczosOptions
from realmodel.measure.pass_options import PassOptions
from realmodel.model.lora_protocol import FinetuneOptions
from realmodel.model.window import Window
from theory import InputError
from theory.real_numbers import finite_nonnegative
from theory.whole_numbers import whole_number

LONGEST_ROW: Final = 1 << 20
"""Tokens: no trainer packs longer rows."""


@dataclass(frozen=True)
class CardOptions:
    """Options of :func:`measure_card`; recorded on the card.

    Each group is handed whole to what uses it.

    Parameters
    ----------
    protocol : FinetuneOptions
        The training run whose gain the tangent model predicts. Costs, exports and the rank-limited
        residual norm are for its rank; its seed draws whatever the card draws.
    window : Window
        The longest sequence, and what becomes of a longer one.
    one_pass : PassOptions
        Batches, samples and memory of the pass over the sequences.
    ridge : float
        Share of the mean eigenvalue added to ``Sigma`` and ``Gamma`` before they are inverted.
    modules : tuple of str or None
        Patterns of the modules to measure; the architecture's by default.
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
    curvature : CurvatureOptions
        Its directions, samples and damping; ``intervals`` rest on as many samples.
    intervals : tuple of tuple of int
        Sets of layers whose gain with every weight free is bracketed by Lanczos.
    lanczos : LanczosOptions
        Products and damping of these brackets.
    gradient_checkpointing : {"none", "reentrant", "non-reentrant"}
        What the planned run uses: what a placement costs to train depends on it
        (:mod:`realmodel.costs.checkpointing`).
    packing : int or None
        Tokens of a row where the planned run packs its sequences
        (:func:`realmodel.costs.packing.packed`): of the costs alone, not of the gains.
    calibrate : bool
        Measure time, memory and latency on this device; otherwise count operations.

    Raises
    ------
    InputError
        When a number is out of range.

    Examples
    --------
    >>> options = CardOptions(one_pass=PassOptions(draws=2), intervals=((0, 1),))
    >>> record = options.to_dict()
    >>> record["draws"], record["intervals"], record["interval_products"], record["rank"]
    (2, [[0, 1]], 8, 8)
    """

    protocol: FinetuneOptions = field(default_factory=FinetuneOptions)
    window: Window = field(default_factory=Window)
    one_pass: PassOptions = field(default_factory=PassOptions)
    ridge: float = 1e-3
    modules: tuple[str, ...] | None = None
    pilot: bool | None = False
    trials: int = 0
    exact_curvature: bool = False
    curvature: CurvatureOptions = field(default_factory=CurvatureOptions)
    intervals: tuple[tuple[int, ...], ...] = ()
    lanczos: LanczosOptions = field(default_factory=LanczosOptions)
    gradient_checkpointing: Checkpointing = "none"
    packing: int | None = None
    calibrate: bool = True

    def __post_init__(self) -> None:
        """Check ranges."""
        if self.one_pass.draws < 1:
            raise InputError(f"draws must be at least 1, got {self.one_pass.draws}")
        object.__setattr__(self, "trials", whole_number(self.trials, "trials", 0))
        if self.trials == 1:
            raise InputError("trials must be 0 or at least 2, got 1")
        finite_nonnegative(self.ridge, "ridge")
        checkpointing_kind(self.gradient_checkpointing)
        if self.packing is not None:
            object.__setattr__(self, "packing", whole_number(self.packing, "packing", 1))
            if self.packing > LONGEST_ROW:
                raise InputError(
                    f"packing must be at most {LONGEST_ROW} tokens, got {self.packing}"
                )

    @property
    def seed(self) -> int:
        """Of every draw."""
        return self.protocol.seed

    def to_dict(self) -> dict[str, Any]:
        """Flat, as cards of every version keep it.

        What the card says of the planned run elsewhere is left out.
        """
        record = asdict(self)
        for group in ("window", "one_pass", "curvature"):
            record |= record.pop(group)
        record |= {f"interval_{name}": value for name, value in record.pop("lanczos").items()}
        run = record.pop("protocol")
        record |= {name: run[name] for name in ("rank", "alpha", "seed")}
        record["intervals"] = [list(layers) for layers in self.intervals]
        record["modules"] = None if self.modules is None else list(self.modules)
        return record
