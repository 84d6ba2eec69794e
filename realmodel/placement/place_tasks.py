"""One placement for several cards: the same model, measured on several tasks."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from realmodel.card.certified import SECONDS
from realmodel.card.layer_card import LayerCard
from realmodel.card.pilot import Forecast
from realmodel.card.predictor import PredictorName
from realmodel.card.warnings import caveats, check_ranked
from realmodel.costs.serving import served_by
from realmodel.placement.budget import Budget
from theory import InputError
from theory.arrays import Array
from theory.choice.certificate import Quadratic
from theory.choice.cost_model import CostModel
from theory.choice.knapsack import TOLERANCE
from theory.choice.placement import Placement
from theory.choice.shared_placement import SharedPlacement, shared_placement
from theory.choice.underpriced_search import UnderpricedCost, search_underpriced
from theory.whole_numbers import whole_numbers


@dataclass(frozen=True)
class TaskShare:
    """What the layers gain on one task.

    Attributes
    ----------
    source : str
        The card's data.
    gain, whole : float
        Of the layers, and of all layers, in the model; nats per completion token.
    gain_error : float or None
        Jackknife standard error of the gain.
    forecast, whole_forecast : Forecast or None
        Both gains calibrated by the card's pilot, with an 80% interval; ``None`` without one.
    costs : dict
        Of :meth:`realmodel.card.DeviceCosts.record`, on this task's training step.
    """

    source: str
    gain: float
    whole: float
    gain_error: float | None
    forecast: Forecast | None
    whole_forecast: Forecast | None
    costs: dict[str, float]

    @property
    def share(self) -> float:
        """Of the gain of all layers, in the model."""
        return self.gain / self.whole

    @property
    def expected_whole(self) -> float:
        """What all layers are expected to gain, on the pilot's level where there is one."""
        return self.whole if self.whole_forecast is None else self.whole_forecast.gain

    @property
    def expected_share(self) -> float:
        """Of that, what the layers are expected to gain."""
        return (self.gain if self.forecast is None else self.forecast.gain) / self.expected_whole

    def to_dict(self) -> dict[str, Any]:
        """JSON mapping."""
        return asdict(self) | {"share": self.share, "expected_share": self.expected_share}


@dataclass(frozen=True)
class SharedChoice:
    """The answer of :func:`place_tasks`.

    Attributes
    ----------
    combine : {"worst", "mean"}
        Which of the tasks' shares is as large as it can be: the least, or their mean.
    budget : Budget
    layers : tuple of int
        Block indices.
    tasks : tuple of TaskShare
        In the order of the cards.
    placement : theory.choice.placement.Placement
        By position; its gain is the combined share, its guarantee against the best one possible.
    weights : tuple of float
        The mixture of the tasks that proves the bound.
    predictor, predictor_title : str
    warnings : tuple of str
    """

    combine: str
    budget: Budget
    layers: tuple[int, ...]
    tasks: tuple[TaskShare, ...]
    placement: Placement
    weights: tuple[float, ...]
    predictor: PredictorName
    predictor_title: str
    warnings: tuple[str, ...]

    @property
    def share_at_most(self) -> float:
        """No layers within the budget have a larger combined share (docs/theory.md, 10a)."""
        return max(self.placement.guarantee.best_gain_at_most, self.placement.gain)

    @property
    def expected_share(self) -> float:
        """The combined share on the level of the cards' pilots."""
        shares = [task.expected_share for task in self.tasks]
        return sum(shares) / len(shares) if self.combine == "mean" else min(shares)

    @property
    def gap(self) -> float:
        """Largest part of the best combined share that the choice may miss."""
        return 1.0 - self.placement.gain / self.share_at_most if self.share_at_most > 0 else 0.0

    def to_dict(self) -> dict[str, Any]:
        """JSON mapping."""
        forecasts = [task.forecast for task in self.tasks if task.forecast is not None]
        least = None
        if len(forecasts) == len(self.tasks):
            least = min(forecasts, key=lambda found: found.gain)
        return {
            "combine": self.combine,
            "objective": self.budget.objective,
            "budget": self.budget.value,
            "budget_text": self.budget.text,
            "predictor": self.predictor,
            "predictor_title": self.predictor_title,
            "placement": {
                "layers": list(self.layers),
                "share": self.placement.gain,
                "expected_share": self.expected_share,
                "gain": min(task.gain for task in self.tasks),
                "forecast": None if least is None else least.to_dict(),
            },
            "tasks": [task.to_dict() for task in self.tasks],
            "certificate": {
                "share_at_most": self.share_at_most,
                "gap": self.gap,
                "weights": list(self.weights),
                "statement": self.placement.guarantee.statement,
            },
            "warnings": list(self.warnings),
        }


def place_tasks(
    cards: Sequence[LayerCard],
    *,
    objective: str = "gain",
    budget: str = "4",
    layers: Sequence[int] | None = None,
    combine: str = "worst",
    predictor: PredictorName | None = None,
    engine: str = "hf",
    force: bool = False,
) -> SharedChoice:
    """Choose the layers that serve every task: the largest worst share of the gain, or mean share.

    A task's share is the gain of the layers over that of all layers, by its own card: tasks of
    large and small losses count alike, and the number of layers does not change what is a whole.

    Parameters
    ----------
    cards : sequence of LayerCard
        Of one model and one planned run, each on a task of its own.
    objective : {"gain", "parameters", "time", "memory", "serving"}
        What the budget limits. Time and memory are of each task's own training step.
    budget : str or float
        As :func:`realmodel.place`; the layers keep within it on every task.
    layers : sequence of int, optional
        Block indices to choose from; all by default.
    combine : {"worst", "mean"}
    predictor : {"trials", "tangent", "gauss-newton"}, optional
        Of the gains, the same on every card: by default the first of these that all have.
    engine : str
        Whose serving cost is meant (:mod:`realmodel.costs.serving`).
    force : bool
        Rank although the pilot of a card refuses to.

    Raises
    ------
    InputError
        Fewer than two cards, cards that are not of one model, layers and run, a task that gains
        nothing, or what :func:`realmodel.place` refuses.
    """
    _check_alike(cards)
    for card in cards:
        check_ranked(card, force=force)
    cards = [replace(card, costs=served_by(card.costs, engine, card.modules)) for card in cards]
    first = cards[0]
    limits = [Budget.parse(objective, budget, card.costs) for card in cards]
    models = [card.predictor(predictor) for card in cards]
    if len({model.name for model in models}) > 1:  # shares of one model alone can be compared
        models = [card.predictor("tangent") for card in cards]
    free = (
        layers
        if layers is None
        else first.positions(tuple(sorted(set(whole_numbers(layers, "layers")))))
    )
    if free is not None and not free:
        raise InputError("no layer to choose from: name at least one")
    quadratics = [model.quadratic for model in models]

    def shared(limit: float, cost: CostModel | None) -> SharedPlacement:
        return shared_placement(
            quadratics, limit, cost, combine=combine, candidates=free, time_limit=SECONDS
        )

    if objective == "gain":
        found = shared(int(limits[0].value), None)
    else:
        _check_costs_alike(cards, objective)
        cost = _on_every_task([card.costs.of(objective) for card in cards], limits)
        least = min(cost.of((at,)) for at in (range(len(first.layers)) if free is None else free))
        if not least <= 1 + TOLERANCE:
            raise InputError(
                f"budget {budget!r} admits no layer on every task: the cheapest takes {least:.3g} "
                "times as much"
            )
        found = _within(shared, quadratics, cost, combine, free)
    chosen = found.placement.layers
    return SharedChoice(
        combine=combine,
        budget=_of_all(limits),
        layers=tuple(first.indices[at] for at in chosen),
        tasks=tuple(
            TaskShare(
                str(card.data["source"]),
                model.quadratic.gain(chosen),
                model.quadratic.gain(),
                model.gain_error(chosen),
                card.forecast(model, chosen),
                card.forecast(model, tuple(range(len(card.layers)))),
                card.costs.record(chosen),
            )
            for card, model in zip(cards, models, strict=True)
        ),
        placement=found.placement,
        weights=tuple(found.weights.tolist()),
        predictor=models[0].name,
        predictor_title=models[0].title,
        warnings=tuple(
            f"{card.data['source']}: {caveat}"
            for card, model in zip(cards, models, strict=True)
            for caveat in caveats(card, model.name)
        ),
    )


def _of_all(limits: Sequence[Budget]) -> Budget:
    """Of budgets that say the same of each task's own cost."""
    texts = tuple(dict.fromkeys(limit.text for limit in limits))
    return replace(limits[0], text=" and ".join(texts))


def _on_every_task(costs: Sequence[CostModel], limits: Sequence[Budget]) -> UnderpricedCost:
    """The largest share of its task's budget that a placement uses: never below their mean."""
    parts = [
        np.array([cost.base, cost.per_depth, *cost.per_layer]) / limit.value
        for cost, limit in zip(costs, limits, strict=True)
    ]
    base, per_depth, *per_layer = np.mean(parts, axis=0).tolist()
    return UnderpricedCost(
        lambda chosen: max(
            cost.of(chosen) / limit.value for cost, limit in zip(costs, limits, strict=True)
        ),
        CostModel(tuple(per_layer), base, per_depth),
    )


def _within(
    shared: Callable[[float, CostModel | None], SharedPlacement],
    quadratics: Sequence[Quadratic],
    cost: UnderpricedCost,
    combine: str,
    free: Sequence[int] | None,
) -> SharedPlacement:
    """The layers of the largest combined share that fit on every task."""
    wholes = np.array([quadratic.gain(range(quadratic.layers)) for quadratic in quadratics])
    proofs: list[SharedPlacement] = []

    def shares(layers: Sequence[int]) -> Array:
        return np.array([quadratic.gain(layers) for quadratic in quadratics]) / wholes

    def gain(layers: Sequence[int]) -> float:
        own = shares(layers)
        return float(own.mean() if combine == "mean" else own.min())

    def search(priced: CostModel) -> Placement:
        proofs.append(shared(1.0, priced))
        return proofs[-1].placement

    placement = search_underpriced(search, gain, 1.0, cost, candidates=free, tried=0)
    return SharedPlacement(placement, shares(placement.layers), proofs[0].weights)


def _check_costs_alike(cards: Sequence[LayerCard], objective: str) -> None:
    first = cards[0].costs
    for at, card in enumerate(cards[1:], 2):
        for what, own, other in (
            ("unit", first.unit(objective), card.costs.unit(objective)),
            ("checkpointing", first.gradient_checkpointing, card.costs.gradient_checkpointing),
        ):
            if own != other:
                raise InputError(
                    f"the {objective} of cards 1 and {at} cannot share a budget: {what} {own!r} "
                    f"and {other!r}; measure the costs alike, or budget parameters"
                )


def _check_alike(cards: Sequence[LayerCard]) -> None:
    if len(cards) < 2:
        raise InputError(f"{len(cards)} cards: one placement for several tasks needs two at least")
    first = cards[0]
    for at, card in enumerate(cards[1:], 2):
        if card.model["digest"] != first.model["digest"]:
            raise InputError(
                f"card 1 is of {first.model['source']!r} ({str(first.model['digest'])[:19]}), card "
                f"{at} of {card.model['source']!r} ({str(card.model['digest'])[:19]}): one "
                "placement needs one model"
            )
        if [m.name for m in card.modules] != [m.name for m in first.modules]:
            raise InputError(
                f"cards 1 and {at} measured other modules ({len(first.modules)} in "
                f"{len(first.layers)} layers, {len(card.modules)} in {len(card.layers)}): measure "
                "the same ones"
            )
        if first.costs.packing != card.costs.packing:
            raise InputError(
                f"cards 1 and {at} plan different runs (rows packed to {first.costs.packing} and "
                f"{card.costs.packing} tokens): measure them alike"
            )
        if (first.protocol is None) != (card.protocol is None):
            raise InputError(f"only one of cards 1 and {at} says which run it plans: measure anew")
        if first.protocol is not None and card.protocol is not None:
            differing = first.protocol.differences(card.protocol)
            if differing is not None:
                raise InputError(
                    f"cards 1 and {at} plan different runs ({differing}): one placement is trained "
                    "by one"
                )
