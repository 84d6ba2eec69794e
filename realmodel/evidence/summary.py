"""One row per score: agreement with the realised gains, regret of its pick, cost."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from realmodel.evidence.agreement import Agreement, agreement
from theory import BlockQuadratic
from theory.arrays import Array, Float64

Gains = Mapping[tuple[int, ...], Float64[Array, " seeds"]]


@dataclass(frozen=True)
class ScoredBaseline:
    """A score evaluated on everything that was fine-tuned.

    Parameters
    ----------
    name, title, source : str
        Of the baseline.
    values : mapping
        Value of every placement.
    pick : tuple of int
        The placement that it chooses freely among all of its size.
    seconds : float
        Wall time of what it needs and of the score itself.
    quadratic : BlockQuadratic or None
        The model behind a joint gain, one block per layer.
    """

    name: str
    title: str
    source: str
    values: Mapping[tuple[int, ...], float]
    pick: tuple[int, ...]
    seconds: float
    quadratic: BlockQuadratic | None = None


@dataclass(frozen=True)
class ScoreSummary:
    """How well one score predicts.

    Parameters
    ----------
    placements, single_layers : Agreement
        Over the pool drawn beforehand, and over the single layers.
    pick : tuple of int
        The placement that the score chooses.
    pick_gain : float
        Its realised gain, nats per completion token.
    regret : float
        How much less than the best placement of this size that was fine-tuned at all.
    regret_share : float
        The same as a share of the gain of adapting every layer.
    seconds : float
        What the score costs, wall time.
    """

    name: str
    title: str
    source: str
    placements: Agreement
    single_layers: Agreement
    pick: tuple[int, ...]
    pick_gain: float
    regret: float
    regret_share: float
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """A JSON object."""
        return {
            **vars(self),
            "placements": self.placements.to_json(),
            "single_layers": self.single_layers.to_json(),
            "pick": list(self.pick),
        }


def summarise(
    scored: ScoredBaseline,
    gains: Gains,
    *,
    pool: tuple[tuple[int, ...], ...],
    singles: tuple[tuple[int, ...], ...],
    everything: tuple[int, ...],
) -> ScoreSummary:
    """Compare one score with the realised gains.

    Parameters
    ----------
    scored : ScoredBaseline
        The score.
    gains : mapping
        Realised gains of the pool, the single layers, all layers, and every score's pick.
    pool, singles : tuple of placements
        What the correlations are taken over.
    everything : tuple of int
        All layers.
    """
    size = len(scored.pick)
    best = max(float(values.mean()) for layers, values in gains.items() if len(layers) == size)
    pick_gain = float(gains[scored.pick].mean())
    return ScoreSummary(
        name=scored.name,
        title=scored.title,
        source=scored.source,
        placements=agree(scored, gains, pool),
        single_layers=agree(scored, gains, singles),
        pick=scored.pick,
        pick_gain=pick_gain,
        regret=best - pick_gain,
        regret_share=(best - pick_gain) / float(gains[everything].mean()),
        seconds=scored.seconds,
    )


def agree(
    scored: ScoredBaseline, gains: Gains, placements: tuple[tuple[int, ...], ...]
) -> Agreement:
    """Agreement over these placements."""
    values = np.array([scored.values[layers] for layers in placements])
    return agreement(values, np.stack([gains[layers] for layers in placements]))
