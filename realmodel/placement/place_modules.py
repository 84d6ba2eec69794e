"""Which kinds of module or which single modules to adapt, by the card's model of its modules."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Literal, get_args

from realmodel.card.certified import SECONDS
from realmodel.card.layer_card import LayerCard
from realmodel.card.module_model import Groups, ModuleModel
from realmodel.card.pilot import Forecast
from realmodel.card.warnings import caveats, check_ranked
from realmodel.costs.device_costs import DeviceCosts
from realmodel.costs.module_costs import ModuleCosts, module_costs, module_record
from realmodel.costs.serving import served_by
from realmodel.placement.budget import Budget
from realmodel.runs.numbers import amount
from theory import InputError
from theory.choice.budget_search import search_within_budget
from theory.choice.exact_search import exact_search
from theory.choice.knapsack import TOLERANCE
from theory.choice.placement import Placement
from theory.choice.underpriced_search import search_underpriced
from theory.whole_numbers import whole_numbers

Unit = Literal["kind", "module"]
UNITS: Final[tuple[Unit, ...]] = get_args(Unit)


@dataclass(frozen=True)
class ModuleSet:
    """Some modules of the card and what they gain.

    Attributes
    ----------
    modules : tuple of str
        Full names, in the card's order.
    layers : tuple of int
        Block indices that hold one of them.
    gain : float
        Nats per completion token, by the model of modules.
    costs : dict
        Time, memory, serving and parameters, and each as a share of adapting every layer.
    """

    modules: tuple[str, ...]
    layers: tuple[int, ...]
    gain: float
    costs: dict[str, float]

    @property
    def parameters(self) -> int:
        """Trainable, at the card's rank."""
        return int(self.costs["parameters"])

    def to_dict(self) -> dict[str, Any]:
        """JSON mapping."""
        return asdict(self) | {"parameters": self.parameters}


@dataclass(frozen=True)
class ModuleChoice:
    """The answer of :func:`place_modules`.

    Attributes
    ----------
    unit : {"kind", "module"}
        What was chosen among.
    budget : Budget
    units : tuple of str
        The kinds, or the modules, that were chosen.
    best : ModuleSet
    gain_error : float or None
        Jackknife standard error of its gain.
    forecast, whole_forecast : Forecast or None
        What training it, and all modules, will gain, where the card has a pilot.
    gain_at_most : float
        No choice of such units within the budget gains more (docs/theory.md, 10a).
    statement : str
        Which result stands behind that bound.
    whole_layers : ModuleSet or None
        The best whole layers within the budget, or of a number of units with at most as many
        parameters; ``None`` where not one fits.
    lead_error : float or None
        Paired jackknife standard error of the lead over them.
    everything : ModuleSet
        All modules of the card, that shares are of.
    predictor_title : str
    device_costs : DeviceCosts
        That the budget and the costs speak of, with the engine's serving cost.
    warnings : tuple of str
    """

    unit: Unit
    budget: Budget
    units: tuple[str, ...]
    best: ModuleSet
    gain_error: float | None
    forecast: Forecast | None
    whole_forecast: Forecast | None
    gain_at_most: float
    statement: str
    whole_layers: ModuleSet | None
    lead_error: float | None
    everything: ModuleSet
    predictor_title: str
    device_costs: DeviceCosts
    warnings: tuple[str, ...]

    @property
    def gap(self) -> float:
        """Largest share of the best gain that the choice may miss."""
        return 1.0 - self.best.gain / self.gain_at_most if self.gain_at_most > 0 else 0.0

    def to_dict(self) -> dict[str, Any]:
        """JSON mapping."""
        layers = self.whole_layers
        return {
            "unit": self.unit,
            "objective": self.budget.objective,
            "budget": self.budget.value,
            "budget_text": self.budget.text,
            "predictor": "tangent",
            "predictor_title": self.predictor_title,
            "placement": self.best.to_dict()
            | {
                "units": list(self.units),
                "gain_error": self.gain_error,
                "forecast": None if self.forecast is None else self.forecast.to_dict(),
            },
            "certificate": {
                "gain_at_most": self.gain_at_most,
                "gap": self.gap,
                "statement": self.statement,
            },
            "whole_layers": None if layers is None else layers.to_dict(),
            "lead_error": self.lead_error,
            "whole": self.everything.to_dict()
            | {"forecast": None if self.whole_forecast is None else self.whole_forecast.to_dict()},
            "engine": self.device_costs.engine,
            "gradient_checkpointing": self.device_costs.gradient_checkpointing,
            "warnings": list(self.warnings),
        }


def place_modules(
    card: LayerCard,
    *,
    unit: str,
    budget: str | float,
    objective: str = "parameters",
    layers: Sequence[int] | None = None,
    engine: str = "hf",
    force: bool = False,
) -> ModuleChoice:
    """Choose the kinds of module, or the modules, with the largest joint gain within a budget.

    Parameters
    ----------
    card : LayerCard
        With ``modules.npz`` beside it.
    unit : {"kind", "module"}
        Every kind (``self_attn.q_proj`` in all layers) is taken or left as one, or every module.
    budget : str or float
        ``1.2M`` parameters, ``40%`` of what adapting every layer costs, an amount such as ``80ms``,
        or for the objective ``gain`` a number of units.
    objective : {"parameters", "gain", "time", "memory", "serving"}
        Costs of modules are those of layers, divided (:mod:`realmodel.costs.module_costs`).
    layers : sequence of int, optional
        Block indices to choose from; all by default.
    engine : {"hf", "vllm", "vllm-targeted", "sglang", "merged"}
        Whose serving cost is meant (:mod:`realmodel.costs.serving`).
    force : bool
        Rank although the card's pilot refuses to.

    Returns
    -------
    ModuleChoice
        The modules, their gain in nats per completion token, their certificate, and what whole
        layers within the budget would gain.

    Raises
    ------
    InputError
        A unit, an objective or a budget that cannot be read or admits nothing, layers that the
        card does not have, or a card without its modules' model or whose pilot refuses to rank.
    """
    if unit not in UNITS:
        raise InputError(f"unknown unit {unit!r}: choose layer, {', '.join(UNITS)}")
    own: Unit = "kind" if unit == "kind" else "module"
    label = "kind" if unit == "kind" else "name"
    check_ranked(card, force=force)
    model = module_model(card)
    card = replace(card, costs=served_by(card.costs, engine, card.modules))
    wanted = set(card.indices if layers is None else whole_numbers(layers, "layers"))
    card.positions(tuple(sorted(wanted)))
    candidates = [at for at, module in enumerate(card.modules) if module.layer in wanted]
    named = _grouped({at: getattr(card.modules[at], label) for at in candidates})
    units = list(named.values())
    limit = Budget.parse(objective, budget, card.costs, unit=own, count=len(units))
    whole: list[int] | None = None
    if limit.objective == "gain":
        placement = exact_search(model.quadratic(units), int(limit.value), time_limit=SECONDS)
        chosen = _union(units, placement.layers)
    else:
        cost = module_costs(card.costs, card.modules, limit.objective)
        cheapest = min(map(cost.of, units))
        if not limit.value * (1 + TOLERANCE) >= cheapest:
            least = amount(cheapest, card.costs.unit(objective))
            raise InputError(f"budget {budget!r} admits no {own}: the cheapest costs {least}")
        whole = _whole_layers(card, model, candidates, limit.objective, limit.value)
        chosen, placement = _within(model, units, cost, limit.value, whole or ())
    best = _module_set(card, model, chosen)
    everything = _module_set(card, model, range(len(card.modules)))
    error = model.gain_error(chosen)
    if limit.objective in ("gain", "parameters"):
        whole = _whole_layers(card, model, candidates, "parameters", best.parameters)
    held = set(chosen)
    return ModuleChoice(
        unit=own,
        budget=limit,
        units=tuple(name for name, inside in named.items() if held >= set(inside)),
        best=best,
        gain_error=error,
        forecast=None if card.pilot is None else card.pilot.forecast(best.gain, error),
        whole_forecast=None if card.pilot is None else card.pilot.forecast(everything.gain),
        gain_at_most=max(placement.guarantee.best_gain_at_most, best.gain),
        statement=placement.guarantee.statement,
        whole_layers=None if whole is None else _module_set(card, model, whole),
        lead_error=None if whole is None else model.gain_error(chosen, whole),
        everything=everything,
        predictor_title=card.predictor("tangent").title,
        device_costs=card.costs,
        warnings=caveats(card, "tangent"),
    )


def module_model(card: LayerCard) -> ModuleModel:
    """The card's model of its modules.

    Raises
    ------
    InputError
        The card has none, or its file is not there.
    """
    if card.module_model is None:
        raise InputError(
            "this card does not hold its modules one by one: modules.npz is not beside it, or it "
            "was measured by an older layercard; bring the file, or measure the card again"
        )
    return card.module_model


def _grouped(labels: Mapping[int, Any]) -> dict[Any, list[int]]:
    """Positions by their label."""
    found: dict[Any, list[int]] = {}
    for position, label in labels.items():
        found.setdefault(label, []).append(position)
    return found


def _union(units: Groups, positions: Sequence[int]) -> list[int]:
    """The modules of some units."""
    return sorted(at for position in positions for at in units[position])


def _within(
    model: ModuleModel,
    units: Groups,
    cost: ModuleCosts,
    budget: float,
    known: Sequence[int] = (),
) -> tuple[list[int], Placement]:
    """The modules of the best units within a cost, from modules known to be good within it."""
    if cost.shared_alone:  # whoever pays for one of them has paid for the others
        alike = {i: frozenset(cost.groups[at] for at in unit) for i, unit in enumerate(units)}
        units = [_union(units, together) for together in _grouped(alike).values()]
    quadratic, held = model.quadratic(units), set(known)
    start = tuple(at for at, unit in enumerate(units) if held >= set(unit))

    found = search_underpriced(
        lambda priced: search_within_budget(
            quadratic, budget, priced, start=start, time_limit=SECONDS
        ),
        quadratic.gain,
        budget,
        cost.of_units(units),
        start=start,
    )
    return _union(units, found.layers), found


def _whole_layers(
    card: LayerCard, model: ModuleModel, candidates: Sequence[int], kind: str, budget: float
) -> list[int] | None:
    """The modules of the best whole layers within a cost."""
    layers = list(_grouped({at: card.modules[at].layer for at in candidates}).values())
    cost = module_costs(card.costs, card.modules, kind)
    if min(map(cost.of, layers)) > budget * (1 + TOLERANCE):
        return None
    return _within(model, layers, cost, budget)[0]


def _module_set(card: LayerCard, model: ModuleModel, positions: Sequence[int]) -> ModuleSet:
    rows = [card.modules[at] for at in positions]
    return ModuleSet(
        tuple(row.name for row in rows),
        tuple(sorted({row.layer for row in rows})),
        model.gain(positions),
        module_record(card.costs, card.modules, positions),
    )
