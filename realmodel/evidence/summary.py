"""One row per score: agreement with the realised gains, regret of its picks, forecast, cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from realmodel.evidence.agreement import Agreement, agreement
from realmodel.evidence.scored import Placement, Scored
from theory.arrays import Array, Float64

Gains = Mapping[Placement, Float64[Array, " seeds"]]

CLOSE = (0.75, 1.33)
"""Realised over predicted gain that counts as foretold."""


@dataclass(frozen=True)
class SizeSummary:
    """How well a score does among the placements of one size.

    Parameters
    ----------
    size : int
        Layers per placement.
    placements : Agreement
        Over the pool drawn beforehand.
    pick : tuple of int
        The placement that the score chooses among all of that size.
    pick_gain : float or None
        Its realised gain, nats per completion token; None while it is not fine-tuned.
    regret : float or None
        How much less than the best placement of this size that was fine-tuned at all.
    regret_share : float or None
        The same as a share of the gain of adapting every layer.
    """

    size: int
    placements: Agreement
    pick: Placement
    pick_gain: float | None
    regret: float | None
    regret_share: float | None


@dataclass(frozen=True)
class ForecastSummary:
    """Realised over predicted gain, over all placements of all sizes.

    Parameters
    ----------
    ratio : float
        Median.
    ratio_by_size : mapping of str to float
        Median of the placements of each size, which stands as text: JSON knows no other keys.
    close : float
        Share of the placements within ``CLOSE``.
    covered : float or None
        Share within the score's own 80% interval; None where it has none.
    """

    ratio: float
    ratio_by_size: Mapping[str, float]
    close: float
    covered: float | None


@dataclass(frozen=True)
class ScoreSummary:
    """How well one score predicts.

    Parameters
    ----------
    name, title, source : str
        Of the baseline.
    sizes : tuple of SizeSummary
        One for each size.
    all_sizes : Agreement
        Over the pools of all sizes, the single layers and all layers together.
    single_layers : Agreement
        Over the single layers.
    forecast : ForecastSummary or None
        None where the score does not speak in nats.
    seconds : float
        What the score costs: processor time on a CPU, wall time on a device.
    """

    name: str
    title: str
    source: str
    sizes: tuple[SizeSummary, ...]
    all_sizes: Agreement
    single_layers: Agreement
    forecast: ForecastSummary | None
    seconds: float


def summarise(
    scored: Scored,
    gains: Gains,
    pools: Mapping[int, Sequence[Placement]],
    singles: Sequence[Placement],
    everything: Placement,
) -> ScoreSummary:
    """Compare one score with the realised gains.

    Parameters
    ----------
    scored : Scored
        The score.
    gains : mapping
        Realised gains of the pools, the single layers, all layers, and the picks, as far as they
        were fine-tuned.
    pools : mapping of int to sequence of placements
        By size what the correlations are taken over; all in ``gains``, like the single layers.
    singles : sequence of placements
    everything : tuple of int
        All layers.
    """
    together = [*(chosen for pool in pools.values() for chosen in pool), *singles, everything]
    return ScoreSummary(
        name=scored.baseline.name,
        title=scored.baseline.title,
        source=scored.baseline.source,
        sizes=tuple(
            _of_size(scored, gains, size, pool, float(gains[everything].mean()))
            for size, pool in pools.items()
        ),
        all_sizes=agree(scored, gains, tuple(dict.fromkeys(together))),
        single_layers=agree(scored, gains, singles),
        forecast=forecast(scored, gains) if scored.baseline.predicts_gain else None,
        seconds=scored.seconds,
    )


def _of_size(
    scored: Scored, gains: Gains, size: int, pool: Sequence[Placement], all_gain: float
) -> SizeSummary:
    pick = scored.picks[size]
    known = {layers: float(runs.mean()) for layers, runs in gains.items() if len(layers) == size}
    gain = known.get(pick)
    regret = None if gain is None else max(known.values()) - gain
    return SizeSummary(
        size=size,
        placements=agree(scored, gains, pool),
        pick=pick,
        pick_gain=gain,
        regret=regret,
        regret_share=None if regret is None else regret / all_gain,
    )


def forecast(scored: Scored, gains: Gains) -> ForecastSummary:
    """Realised over predicted gain of every placement that was predicted and fine-tuned."""
    both = [layers for layers in scored.values if layers in gains]
    realised = {layers: float(gains[layers].mean()) for layers in both}
    # A prediction of nothing is as far off as can be, and JSON has no infinity.
    ratio = {x: realised[x] / max(scored.values[x], 1e-9) for x in both}
    sizes = sorted({len(layers) for layers in both})
    within = [
        low <= realised[x] <= high for x, (low, high) in scored.intervals.items() if x in both
    ]
    return ForecastSummary(
        ratio=float(np.median(list(ratio.values()))),
        ratio_by_size={
            str(k): float(np.median([ratio[x] for x in both if len(x) == k])) for k in sizes
        },
        close=float(np.mean([CLOSE[0] <= value <= CLOSE[1] for value in ratio.values()])),
        covered=float(np.mean(within)) if within else None,
    )


def agree(scored: Scored, gains: Gains, placements: Sequence[Placement]) -> Agreement:
    """Agreement over these placements; none with fewer than three."""
    if len(placements) < 3:
        return Agreement(None, reason=f"{len(placements)} placements have no order to speak of")
    values = np.array([scored.values[layers] for layers in placements])
    return agreement(values, np.stack([gains[layers] for layers in placements]))
