"""How the profiles' stage grows with the width of a module."""

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from realmodel.card.block_statistics import block_statistics, singular_values
from realmodel.card.moment_spectrum import MomentSpectrum
from realmodel.measure.one_pass import GROUPS
from realmodel.measure.whitener import Whitener
from realmodel.runs.stopwatch import elapsed


@dataclass(frozen=True)
class ProfileTiming:
    """Processor seconds for one ``width`` x ``width`` module."""

    width: int
    factors: float
    spectrum: float
    whitening: float
    singular_values: float

    @property
    def total(self) -> float:
        """Of the stage."""
        return self.factors + self.spectrum + self.whitening + self.singular_values

    def exponent(self, before: "ProfileTiming") -> float:
        """Of the growth since a smaller width."""
        return math.log(self.total / before.total) / math.log(self.width / before.width)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self) | {"total": self.total}


def time_profile(width: int, seed: int = 0) -> ProfileTiming:
    """Moments with a decaying spectrum in their own basis, and random gradients."""
    rng = np.random.default_rng(seed)
    # A rank-one part on a decaying diagonal: well conditioned to form, hard to invert.
    v = rng.standard_normal(width)
    moment = np.outer(v, v) / width
    moment[np.diag_indices(width)] += np.geomspace(1.0, 1e-5, width)
    gradients = torch.from_numpy(rng.standard_normal((GROUPS, width, width), dtype=np.float32))

    def timed(work: Callable[[], Any]) -> tuple[Any, float]:
        results: list[Any] = []
        seconds = elapsed(lambda: results.append(work()), "cpu", time.process_time)
        return results[0], seconds

    F, factor = timed(lambda: Whitener.of(moment, 1e-3))
    _, spectrum = timed(lambda: MomentSpectrum.of(moment, F))
    _, values = timed(lambda: singular_values(gradients[0]))
    _, block = timed(lambda: block_statistics(gradients, 1, F, F, {}, 8))
    # Two factors, of Sigma and of Gamma.
    return ProfileTiming(width, 2 * factor, spectrum, max(block - values, 0.0), values)
