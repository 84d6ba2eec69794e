"""Runs of a few single layers: a quadratic of one direction a layer whose gains have come true."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import inf
from typing import Any, Final

import numpy as np
from scipy.optimize import brentq

from realmodel.card.pilot import PilotRun
from realmodel.card.predictor import Predictor
from realmodel.card.saturation import CLOSEST, Saturation
from realmodel.measure.replicates import Replicates
from theory import BlockQuadratic
from theory.arrays import Array, Float64

COUPLED: Final = 0.5
"""Share of the kernels' alignment that is taken for coupling: docs/forecast.md."""

SPREAD: Final = 0.1
"""Of the logarithm of what came true over such a forecast: docs/forecast.md."""

DIGITS: Final = 6
"""Of an alignment on a card."""

TINY: Final = float(np.finfo(np.float64).tiny)
"""Below it a gain has no reciprocal."""

LEAST: Final = 0.01
"""Share that a layer is taken to have at least: of the gain of all layers that came true, and of
the tangent model's largest."""


@dataclass(frozen=True)
class Trials:
    """Short runs of single layers, spread over the depth, and how alike the layers are.

    A layer's gain is the tangent model's, corrected by what came true of it in the runs nearest in
    depth; layers couple as their tangent kernels are aligned; and joint gains saturate so that all
    layers together gain what they gained in the pilot.

    Attributes
    ----------
    runs : tuple of PilotRun
        Of one layer each, ascending, at least two.
    whole : PilotRun
        The pilot's of all layers.
    tangent : Predictor
        The tangent model, one block per layer of ``whole``.
    alignment : (L, L) array
        Of the layers' kernels (:func:`realmodel.measure.tangent.alignment.kernel_alignment`).

    Notes
    -----
    Provenance: extension, chosen by measurement (docs/forecast.md).
    """

    runs: tuple[PilotRun, ...]
    whole: PilotRun
    tangent: Predictor
    alignment: Float64[Array, "L L"]

    @cached_property
    def saturation(self) -> Saturation:
        """From the quadratic's gain to what comes true: a small gain as it is, and a ceiling."""
        top = self.whole.gain
        if top < TINY or not self.tangent.quadratic.gradient.any():
            return Saturation(1.0, inf)  # the pilot refuses: no forecast

        def excess(inverse: float) -> float:
            ceiling = 1 / inverse if inverse else inf
            return Saturation(1.0, ceiling).gain(self._quadratic(ceiling).gain()) - top

        # At the lowest ceiling all layers fall short; without one they add up to too much, unless
        # they gain more together than their sum.
        if excess(0.0) <= 0:
            return Saturation(1.0, inf)
        return Saturation(1.0, 1 / float(brentq(excess, 0.0, 1 / top)))

    @property
    def predictor(self) -> Predictor:
        """One direction a layer; nats per completion token before they saturate."""
        ceiling, replicates = self.saturation.ceiling, self.tangent.replicates
        if replicates is not None:
            samples = [_alone(quadratic) for quadratic in replicates.quadratics]
            replicates = Replicates.of([self._quadratic(ceiling, alone) for alone in samples])
        return Predictor("trials", self._quadratic(ceiling), replicates)

    @cached_property
    def _gains(self) -> Float64[Array, " L"]:
        return _alone(self.tangent.quadratic)

    def _quadratic(
        self, ceiling: float, sampled: Float64[Array, " L"] | None = None
    ) -> BlockQuadratic:
        """With gains of single layers of another sample, corrected as those of all sequences."""
        layers, top, alone = list(self.whole.layers), self.whole.gain, self._gains
        at = [layers.index(run.layers[0]) for run in self.runs]
        came = np.clip([run.gain for run in self.runs], LEAST * top, CLOSEST * top)
        rate = came / (1 - came / ceiling)
        correction = np.interp(np.arange(len(layers)), at, np.log(rate / alone[at]))
        gains = (alone if sampled is None else sampled) * np.exp(correction)
        H = COUPLED * self.alignment + (1 - COUPLED) * np.eye(len(layers))
        return BlockQuadratic(np.sqrt(2 * gains), H, (1,) * len(layers))

    def to_dict(self) -> dict[str, Any]:
        """JSON mapping; the pilot has the run of all layers."""
        return {
            "runs": [run.to_dict() for run in self.runs],
            "alignment": self.alignment.tolist(),
            "ceiling": None if self.saturation.ceiling == inf else self.saturation.ceiling,
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any], whole: PilotRun, tangent: Predictor) -> "Trials":
        """Rebuild from the JSON mapping, and what the card has besides."""
        runs = tuple(PilotRun.from_dict(run) for run in record["runs"])
        return cls(runs, whole, tangent, np.asarray(record["alignment"], dtype=np.float64))


def _alone(tangent: BlockQuadratic) -> Float64[Array, " L"]:
    gains = 0.5 * tangent.residual_norms**2
    return np.maximum(gains, LEAST * gains.max())


def trial_layers(layers: Sequence[int], count: int) -> tuple[int, ...]:
    """``count`` of ``layers``, spread evenly; all where there are no more.

    Examples
    --------
    >>> trial_layers(range(30), 10)
    (1, 4, 7, 10, 13, 16, 19, 22, 25, 28)
    >>> trial_layers((2, 5), 10)
    (2, 5)
    """
    number = min(count, len(layers))
    return tuple(layers[len(layers) * (2 * at + 1) // (2 * number)] for at in range(number))
