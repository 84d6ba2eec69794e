"""One placement for several cards: the same model, measured on several tasks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from realmodel.card.certified import SECONDS
from realmodel.card.layer_card import LayerCard
from realmodel.card.predictor import PredictorName
from realmodel.card.warnings import caveats, check_ranked
from realmodel.placement.budget import OBJECTIVES, Budget
from theory import InputError
from theory.choice.placement import Placement
from theory.choice.shared_placement import shared_placement


@dataclass(frozen=True)
class TaskShare:
    """What the layers gain on one task.

    Attributes
    ----------
    source : str
        The card's data.
    gain, whole : float
        Of the layers, and of all layers; nats per completion token.
    gain_error : float or None
        Jackknife standard error of the gain.
    """

    source: str
    gain: float
    whole: float
    gain_error: float | None

    @property
    def share(self) -> float:
        """Of the gain of all layers."""
        return self.gain / self.whole

    def to_dict(self) -> dict[str, Any]:
        """JSON mapping."""
        return vars(self) | {"share": self.share}


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
    def gap(self) -> float:
        """Largest part of the best combined share that the choice may miss."""
        return 1.0 - self.placement.gain / self.share_at_most if self.share_at_most > 0 else 0.0

    def to_dict(self) -> dict[str, Any]:
        """JSON mapping."""
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
                "gain": min(task.gain for task in self.tasks),
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
    force: bool = False,
) -> SharedChoice:
    """Choose the layers that serve every task: the largest worst share of the gain, or mean share.

    A task's share is the gain of the layers over that of all layers, by its own card: tasks of
    large and small losses count alike, and the number of layers does not change what is a whole.

    Parameters
    ----------
    cards : sequence of LayerCard
        Of one model and one planned run, each on a task of its own.
    objective : {"gain", "parameters"}
        What the budget limits: time, memory and latency are each task's own.
    budget : str
        As :func:`realmodel.place`.
    layers : sequence of int, optional
        Block indices to choose from; all by default.
    combine : {"worst", "mean"}
    predictor : {"trials", "tangent", "gauss-newton"}, optional
        Of the gains, on every card; as :func:`realmodel.place`.
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
    if objective not in ("gain", "parameters"):
        problem = "is each task's own" if objective in OBJECTIVES else "is unknown"
        raise InputError(f"objective {objective!r} {problem}: of tasks choose gain or parameters")
    first = cards[0]
    limit = Budget.parse(objective, budget, first.costs)
    models = [card.predictor(predictor) for card in cards]
    free = layers if layers is None else first.positions(tuple(sorted(set(layers))))
    if free is not None and not free:
        raise InputError("no layer to choose from: name at least one")
    counted = objective == "gain"
    found = shared_placement(
        [model.quadratic for model in models],
        int(limit.value) if counted else limit.value,
        None if counted else first.costs.parameters,
        combine=combine,
        candidates=free,
        time_limit=SECONDS,
    )
    chosen = found.placement.layers
    return SharedChoice(
        combine=combine,
        budget=limit,
        layers=tuple(first.indices[at] for at in chosen),
        tasks=tuple(
            TaskShare(
                str(card.data["source"]),
                model.quadratic.gain(chosen),
                model.quadratic.gain(),
                model.gain_error(chosen),
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
        if (first.protocol is None) != (card.protocol is None):
            raise InputError(f"only one of cards 1 and {at} says which run it plans: measure anew")
        if first.protocol is not None and card.protocol is not None:
            differing = first.protocol.differences(card.protocol)
            if differing is not None:
                raise InputError(
                    f"cards 1 and {at} plan different runs ({differing}): one placement is trained "
                    "by one"
                )
