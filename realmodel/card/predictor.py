"""A quadratic that predicts the gain of any placement, with its sampling error."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import numpy as np

from realmodel.measure.replicates import Replicates
from theory import BlockQuadratic, budget_coupling
from theory.additivity_bounds.budget_coupling import BudgetCoupling

PredictorName = Literal["tangent", "gauss-newton", "trials"]

MOST_STEPS = 1 << 20
"""More than any run takes."""

ABSENT: Final[dict[PredictorName, str]] = {
    "tangent": (
        "this card holds no tangent model: it was measured by an older layercard without one. "
        "Measure it again, or choose the predictor 'gauss-newton'"
    ),
    "gauss-newton": (
        "this card holds no exact Gauss-Newton curvature, which is measured on request alone: "
        "choose the predictor 'tangent', or measure the card with the exact curvature"
    ),
    "trials": (
        "this card holds no runs of single layers to go by: choose the predictor 'tangent', or "
        "measure the card with trials"
    ),
}
"""What to do where a card has no model of that name."""


@dataclass(frozen=True)
class Predictor:
    """One block per layer of the card; gains in nats per completion token.

    Attributes
    ----------
    name : {"tangent", "gauss-newton", "trials"}
        What a budget of optimiser steps reaches, the limit without one, or the first corrected by
        runs of single layers (:mod:`realmodel.card.trials`).
    quadratic : theory.BlockQuadratic
    replicates : Replicates or None
        Jackknife replicates of ``quadratic``, in a file of their own beside the card.
    protocol : dict
        Of the tangent model: ``rank``, ``alpha``, ``learning_rate``, ``steps``, ``batch_size``,
        ``sequences`` and ``time``, the sum of the learning rates.
    """

    name: PredictorName
    quadratic: BlockQuadratic
    replicates: Replicates | None = None
    protocol: dict[str, float] = field(default_factory=dict[str, float])

    @property
    def title(self) -> str:
        """What the gain means, in words."""
        if self.name == "gauss-newton":
            return "Gauss-Newton model, without a limit on steps"
        if self.name == "trials":
            return "tangent model corrected by runs of single layers"
        protocol = self.protocol
        return (
            f"tangent model of {protocol['steps']:.0f} Adam steps at learning rate "
            f"{protocol['learning_rate']:g}"
        )

    def gain_error(
        self, positions: tuple[int, ...], against: tuple[int, ...] | None = None
    ) -> float | None:
        """Jackknife standard error of the gain of ``positions``, or of its lead ``against``."""
        return None if self.replicates is None else self.replicates.gain_error(positions, against)

    def single_gains(self) -> list[tuple[float, float | None]]:
        """Gain of each layer alone and its standard error."""
        gains = (0.5 * self.quadratic.residual_norms**2).tolist()
        if self.replicates is None:
            return [(gain, None) for gain in gains]
        return list(zip(gains, self.replicates.single_errors().tolist(), strict=True))

    def to_dict(self) -> dict[str, Any]:
        """JSON mapping."""
        return {
            **({"protocol": dict(self.protocol)} if self.protocol else {}),
            "sizes": list(self.quadratic.sizes),
            "gradient": self.quadratic.gradient.tolist(),
            "curvature": self.quadratic.curvature.tolist(),
            "replicates": None if self.replicates is None else self.replicates.digest,
        }

    @classmethod
    def from_dict(
        cls, name: PredictorName, record: Mapping[str, Any], replicates: Replicates | None = None
    ) -> "Predictor":
        """Rebuild from the JSON mapping, and the replicates that it names."""
        quadratic = BlockQuadratic(
            np.asarray(record["gradient"], dtype=np.float64),
            np.asarray(record["curvature"], dtype=np.float64),
            tuple(record["sizes"]),
        )
        return cls(name, quadratic, replicates, record.get("protocol", {}))

    @property
    def additive_steps(self) -> int | None:
        """Steps up to which the paper's regime holds in this model: the last with ``rho < 1``.

        With fewer steps at the same first learning rate the ridge ``1 / (2 tau)`` grows and the
        coupling falls (docs/theory.md 11). 0 where one step is too many, None where no number of
        steps is, or where the model knows no steps.
        """
        if not self.protocol or not self.quadratic.gradient.any():
            return None

        def additive(steps: int) -> bool:
            return self.within(steps).coupling < 1

        if not additive(1):
            return 0
        low, high = 1, 2
        while additive(high):
            low, high = high, 2 * high
            if high > MOST_STEPS:
                return None
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if additive(middle) else (low, middle)
        return low

    @property
    def budget(self) -> BudgetCoupling | None:
        """What the planned run's step budget says about its coupling (docs/theory.md 11).

        ``None`` where the model knows no steps.
        """
        if not self.protocol:
            return None
        H, tau = self.quadratic.curvature, float(self.protocol["time"])
        largest = [float(np.linalg.eigvalsh(H[own, own])[-1]) for own in self.quadratic.slices]
        # The ridge is a multiple of the identity: without it the eigenvalue falls by as much.
        lam = np.maximum(np.array(largest) - 1 / (2 * tau), 0.0)
        return budget_coupling(lam, tau, float(self.quadratic.coupling), reference=tau)

    def steps_within(self, budget: float) -> int | None:
        """Steps of the planned kind whose learning rates add up to ``budget`` at most.

        ``tau = rate (steps + 1) / 2``, falling linearly to zero; 0 where one step is too many,
        None where no number of steps is.

        Examples
        --------
        >>> run = {"learning_rate": 0.01, "steps": 30, "time": 0.155}
        >>> flat = BlockQuadratic(np.ones(2), np.eye(2), (1, 1))
        >>> model = Predictor("tangent", flat, protocol=run)
        >>> model.steps_within(0.155), model.steps_within(0.001), model.steps_within(np.inf)
        (30, 0, None)
        """
        steps = 2 * budget / self.protocol["learning_rate"] - 1
        if steps > MOST_STEPS:
            return None
        return max(math.floor(steps * (1 + 1e-12) + 1e-12), 0)

    def within(self, steps: int) -> BlockQuadratic:
        """The tangent model of a run of another number of steps, from the same first rate.

        Only its ridge ``1 / (2 tau)`` is another, with ``tau = rate (steps + 1) / 2``.
        """
        change = 1 / (self.protocol["learning_rate"] * (steps + 1)) - 1 / (
            2 * self.protocol["time"]
        )
        own = self.quadratic
        H = own.curvature + change * np.eye(len(own.gradient))
        return BlockQuadratic(own.gradient, H, own.sizes)
