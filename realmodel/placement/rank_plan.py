"""The chosen layers' parameters, moved to the modules that use them best (8d)."""

from dataclasses import asdict, dataclass
from typing import Any

from realmodel.card.layer_card import LayerCard
from theory import InputError
from theory.choice.rank_allocation import rank_allocation


@dataclass(frozen=True)
class RankPlan:
    """Ranks of the chosen modules at the parameters of a uniform rank.

    Attributes
    ----------
    ranks : dict of str to int
        By full module name; 0 leaves a module out.
    parameters : int
        Trainable parameters; never more than ``uniform_parameters``.
    uniform_parameters : int
        At the card's rank in every module.
    gain_ratio : float
        Sum of the modules' gains over that of the uniform rank, without coupling.
    interval : tuple of float or None
        What coupling may make of that sum (1f), nats per token; the upper end is ``None`` where
        the bound is void.
    """

    ranks: dict[str, int]
    parameters: int
    uniform_parameters: int
    gain_ratio: float
    interval: tuple[float, float | None]

    def to_dict(self) -> dict[str, Any]:
        """JSON mapping."""
        return asdict(self)


def rank_plan(card: LayerCard, layers: tuple[int, ...]) -> RankPlan:
    """Allocate rank over the modules of ``layers`` (block indices).

    Exact for the Kronecker model without coupling; the interval says how wrong that can be.
    """
    names = set(card.modules_of(layers))
    rows = [profile for profile in card.module_profiles if profile.module.name in names]
    lengths = [row.module.in_features + row.module.out_features for row in rows]
    spectra = [row.singular_values for row in rows]
    if not all(len(values) for values in spectra):
        raise InputError("the card has no singular values; measure it again with layercard card")
    rank = int(card.options["rank"])
    budget = rank * sum(lengths)
    plan = rank_allocation(spectra, budget, [float(length) for length in lengths])
    uniform = 0.5 * sum(float((values[:rank] ** 2).sum()) for values in spectra)
    low, high = card.coupling.lowest, card.coupling.highest
    lower, upper = plan.interval(low, high)
    return RankPlan(
        ranks={row.module.name: value for row, value in zip(rows, plan.ranks, strict=True)},
        parameters=sum(r * length for r, length in zip(plan.ranks, lengths, strict=True)),
        uniform_parameters=budget,
        gain_ratio=plan.sum_of_gains / uniform if uniform > 0 else 1.0,
        interval=(lower, upper if low > -1 else None),
    )
