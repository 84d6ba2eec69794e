"""Which layers to adapt under a budget, the next best, and what is known about both."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from realmodel.card.additivity_record import additivity_record
from realmodel.card.certified import Certified, certified
from realmodel.card.layer_card import LayerCard
from realmodel.card.predictor import Predictor, PredictorName
from realmodel.card.warnings import caveats, check_ranked
from realmodel.costs.device_costs import DeviceCosts
from realmodel.costs.serving import served_by
from realmodel.placement.budget import Budget
from realmodel.placement.exchange import Exchange, exchanges
from realmodel.placement.frontier import FrontPoint, front_point, frontier
from realmodel.placement.rank_plan import RankPlan, rank_plan
from realmodel.placement.rules import DEFAULT, Rule
from realmodel.placement.rules import rule as named_rule
from realmodel.placement.shape import Shape, ShapePrice, admitted, best_of
from realmodel.runs.numbers import amount, number
from theory import InputError
from theory.choice.additive_search import additive_within_budget
from theory.choice.greedy import greedy
from theory.choice.placement import Placement
from theory.choice.top_k import top_k
from theory.whole_numbers import whole_numbers

SEARCHED = 14
"""Candidates up to which the runner-up is searched for; above, it is the best single exchange."""


@dataclass(frozen=True)
class Choice:
    """The answer of :func:`place`; layers are block indices, gains nats per completion token.

    Attributes
    ----------
    budget : Budget
    best, runner_up : FrontPoint
        ``runner_up`` is ``None`` where the budget admits one set alone. With more than
        ``SEARCHED`` candidates it is the best set with one layer exchanged.
    margin, margin_error : float or None
        Gain of ``best`` over ``runner_up`` and its paired jackknife standard error.
    certificate : Certified
        How much better any other choice within the budget can be, and the price of every layer.
    exchanges : tuple of Exchange
        For each chosen layer the best set with another in its place.
    front : tuple of FrontPoint
        Pareto front in the objective's cost.
    bounds : dict
        ``theory.additivity`` of the chosen layers.
    guarantee : tuple of str
        What is known about the choice, and which bounds are void.
    predictor, predictor_title : str
        Which model predicted the gains, and what that means.
    ranks : RankPlan or None
    shape : ShapePrice or None
        What a shape other than ``any`` costs.
    indices : tuple of int
        Block index of each position on the card, of which exchanges and prices speak.
    costs : DeviceCosts
        That the budget and the points speak of, with the engine's serving cost.
    whole : FrontPoint
        All layers of the card, that shares are of.
    whole_trained : float or None
        What training all of them gained in the planned run, where that is on the card.
    warnings : tuple of str
        Why the numbers are not to be taken as they are.
    """

    budget: Budget
    best: FrontPoint
    runner_up: FrontPoint | None
    margin: float | None
    margin_error: float | None
    certificate: Certified
    exchanges: tuple[Exchange, ...]
    front: tuple[FrontPoint, ...]
    bounds: dict[str, Any]
    guarantee: tuple[str, ...]
    predictor: PredictorName
    predictor_title: str
    ranks: RankPlan | None
    indices: tuple[int, ...]
    costs: DeviceCosts
    whole: FrontPoint
    whole_trained: float | None
    warnings: tuple[str, ...] = ()
    shape: ShapePrice | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON mapping."""
        return {
            "objective": self.budget.objective,
            "budget": self.budget.value,
            "budget_text": self.budget.text,
            "predictor": self.predictor,
            "predictor_title": self.predictor_title,
            "placement": self.best.to_dict(),
            "runner_up": None if self.runner_up is None else self.runner_up.to_dict(),
            "margin": self.margin,
            "margin_error": self.margin_error,
            "certificate": self.certificate.to_dict() | {"price_layers": list(self.indices)},
            "exchanges": [exchange.to_dict(self.indices) for exchange in self.exchanges],
            "whole": self.whole.to_dict(),
            "whole_trained": self.whole_trained,
            "front": [point.to_dict() for point in self.front],
            "bounds": self.bounds,
            "guarantee": list(self.guarantee),
            "ranks": None if self.ranks is None else self.ranks.to_dict(),
            "shape": None if self.shape is None else self.shape.to_dict(self.indices),
            "warnings": list(self.warnings),
            "engine": self.costs.engine,
            "gradient_checkpointing": self.costs.gradient_checkpointing,
        }


def place(
    card: LayerCard,
    *,
    objective: str,
    budget: str | float,
    layers: Sequence[int] | None = None,
    allocate_ranks: bool = False,
    predictor: PredictorName | None = None,
    engine: str = "hf",
    shape: str = "any",
    rule: str = DEFAULT,
    force: bool = False,
) -> Choice:
    """Choose the layers with the largest joint gain within a budget.

    Parameters
    ----------
    card : LayerCard
    objective : {"gain", "parameters", "time", "memory", "serving"}
        What the budget limits: the number of layers, or one of the costs.
    budget : str or float
        ``4`` layers, ``60%`` of what adapting every layer costs, or an amount such as ``80ms``, or
        ``1.2M`` parameters.
    layers : sequence of int, optional
        Block indices to choose from; all by default.
    allocate_ranks : bool
        Move rank between the chosen modules at the same number of parameters.
    predictor : {"trials", "tangent", "gauss-newton"}, optional
        What predicts the gains: within the card's training steps, corrected by runs of single
        layers or not, or without a limit. By default the first of these that the card has: it
        orders placements best (docs/evidence.md).
    engine : {"hf", "vllm", "vllm-targeted", "sglang", "merged"}
        Whose serving cost is meant (:mod:`realmodel.costs.serving`).
    shape : {"any", "suffix", "contiguous", "prefix-free"}
        Which sets of layers are allowed: ``suffix`` is the last layers, ``contiguous`` one run,
        ``prefix-free:8`` any set above the lowest 8 (the lower half by default).
    rule : str
        Name of a module of :mod:`realmodel.placement.rules`: ``exact``, ``greedy``, ``top-k``, or
        one that you have added there.
    force : bool
        Rank although the card's pilot refuses to: the choice then carries its reason as a warning.

    Raises
    ------
    InputError
        An unknown rule, or one that does not take the objective; a budget or a shape that cannot be
        read or admits no layer; layers that the card does not have; a predictor that it does not
        hold; or a card whose pilot refuses to rank.
    """
    check_ranked(card, force=force)
    card = replace(card, costs=served_by(card.costs, engine, card.modules))
    by = named_rule(rule)
    limit = Budget.parse(objective, budget, card.costs)
    model = card.predictor(predictor)
    form = Shape.parse(shape, len(card.layers))
    free = (
        tuple(range(len(card.layers)))
        if layers is None
        else card.positions(tuple(sorted(set(whole_numbers(layers, "layers")))))
    )
    candidates = form.candidates(free)
    if not free:
        raise InputError("no layer to choose from: name at least one")
    if not candidates:
        raise InputError(f"shape {shape!r} leaves none of the layers to choose from")
    if not _feasible(limit, candidates):
        raise _too_little(card, limit, str(budget), candidates)
    sets = form.sets(candidates, len(card.layers))
    if sets is None:
        best = by.choose(model.quadratic, limit.value, limit.cost, candidates)
        swaps = exchanges(model, limit, best.layers, candidates)
        runner_up = _runner_up(model, limit, best, candidates, swaps, by)
    else:
        best, swaps = best_of(sets, model, limit, form), ()
        others = (s for s in admitted(sets, limit) if not set(s) >= set(best.layers))
        runner_up = max(others, key=model.quadratic.gain, default=None)
    priced = None
    if form.name != "any":
        tried = None if sets is None else len(admitted(sets, limit))
        anyhow = by.choose(model.quadratic, limit.value, limit.cost, free)
        priced = ShapePrice(form, tried, anyhow, best.gain)
    chosen = front_point(card, best.layers, model)
    return Choice(
        budget=limit,
        best=chosen,
        runner_up=None if runner_up is None else front_point(card, runner_up, model),
        margin=None if runner_up is None else best.gain - model.quadratic.gain(runner_up),
        margin_error=None if runner_up is None else model.gain_error(best.layers, runner_up),
        certificate=certified(model.quadratic, best, card.indices),
        exchanges=swaps,
        front=frontier(card, "time" if objective == "gain" else objective, model, sets, candidates),
        bounds=additivity_record(model.quadratic, best.layers),
        guarantee=_guarantee(card, model, limit, best, candidates if sets is None else None),
        predictor=model.name,
        predictor_title=model.title,
        ranks=rank_plan(card, chosen.layers) if allocate_ranks else None,
        indices=card.indices,
        costs=card.costs,
        whole=front_point(card, tuple(range(len(card.layers))), model),
        whole_trained=_trained(card),
        warnings=caveats(card, model.name),
        shape=priced,
    )


def _trained(card: LayerCard) -> float | None:
    """What all layers gained in the planned run."""
    gains = (
        run.get("gain")
        for run in card.measured
        if tuple(run.get("layers", ())) == card.indices and run.get("not_comparable") is None
    )
    return next((float(gain) for gain in gains if gain is not None), None)


def _runner_up(
    model: Predictor,
    limit: Budget,
    best: Placement,
    candidates: tuple[int, ...],
    swaps: tuple[Exchange, ...],
    by: Rule,
) -> tuple[int, ...] | None:
    """The best set within the budget that lacks a chosen layer; none where there is no other."""
    if len(candidates) > SEARCHED:
        closest = min(swaps, key=lambda swap: swap.loss, default=None)
        return None if closest is None else closest.layers
    others = [
        by.choose(model.quadratic, limit.value, limit.cost, rest)
        for left_out in best.layers
        if _feasible(limit, rest := tuple(at for at in candidates if at != left_out))
    ]
    second = max(others, key=lambda placement: placement.gain, default=None)
    return None if second is None else second.layers


def _feasible(limit: Budget, candidates: tuple[int, ...]) -> bool:
    """Whether the budget can be spent on these: on that many of them, or on one at least."""
    if limit.cost is None:
        return limit.value <= len(candidates)
    return any(limit.admits((layer,)) for layer in candidates)


def _too_little(
    card: LayerCard, limit: Budget, text: str, candidates: tuple[int, ...]
) -> InputError:
    """What the least would be."""
    if limit.cost is None:
        return InputError(f"cannot choose {int(limit.value)} of {len(candidates)} candidate layers")
    least = min(limit.cost.first(layer) for layer in candidates)
    whole = card.costs.everything(limit.objective)
    return InputError(
        f"budget {text!r} admits no layer: the cheapest takes "
        f"{amount(least, card.costs.unit(limit.objective))}, {number(100 * least / whole)}% of "
        "adapting every layer"
    )


def _guarantee(
    card: LayerCard,
    model: Predictor,
    limit: Budget,
    best: Placement,
    candidates: tuple[int, ...] | None,
) -> tuple[str, ...]:
    """What the search guarantees, and what cheaper rules would have given of the candidates."""
    lines = [f"{best.guarantee.statement}; on the quadratic model, not on the trained network"]
    if candidates is None:  # the rules know no shape
        return tuple(lines)
    for name, other in _rivals(model, limit, candidates):
        share = other.gain / best.gain if best.gain > 0 else 1.0
        layers = ", ".join(str(card.indices[at]) for at in other.layers)
        lines.append(
            f"{name}: layers {layers} reach {share:.1%} of it; {other.guarantee.statement}"
        )
    return tuple(lines)


def _rivals(
    model: Predictor, limit: Budget, candidates: tuple[int, ...]
) -> Iterator[tuple[str, Placement]]:
    if limit.cost is None:
        size = int(limit.value)
        yield "greedy", greedy(model.quadratic, size, candidates=candidates)
        yield "largest residual norms", top_k(model.quadratic, size, candidates=candidates)
    else:
        yield (
            "largest sum of single gains",
            additive_within_budget(model.quadratic, limit.value, limit.cost, candidates=candidates),
        )
