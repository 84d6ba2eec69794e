"""A quadratic that predicts the gain of any placement, with its sampling error."""

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from realmodel.measure.replicates import Replicates
from theory import BlockQuadratic, InputError

PredictorName = Literal["tangent", "gauss-newton"]


@dataclass(frozen=True)
class Predictor:
    """One block per layer of the card; gains in nats per completion token.

    Attributes
    ----------
    name : {"tangent", "gauss-newton"}
        What a budget of optimiser steps reaches, or the limit without one.
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
            "protocol": dict(self.protocol),
            "sizes": list(self.quadratic.sizes),
            "gradient": self.quadratic.gradient.tolist(),
            "curvature": self.quadratic.curvature.tolist(),
            "replicates": None if self.replicates is None else self.replicates.digest,
        }

    @classmethod
    def tangent(cls, record: dict[str, Any]) -> "Predictor":
        """Rebuild the tangent model of a card, without its replicates."""
        quadratic = BlockQuadratic(
            np.asarray(record["gradient"], dtype=np.float64),
            np.asarray(record["curvature"], dtype=np.float64),
            tuple(record["sizes"]),
        )
        return cls("tangent", quadratic, protocol=record["protocol"])


def no_tangent() -> InputError:
    """The error of a card without a tangent model."""
    return InputError(
        "this card holds no tangent model (--tangent-samples 0, or an older layercard): measure it "
        "again, or pass --predictor gauss-newton"
    )
