"""What any set of modules costs, from what whole layers cost.

The part of a layer's cost that its adapters add is divided among its modules: time by what the
calibration found to go by their number and by their size, bytes by what each keeps (modules that
read one input keep it once), serving by what the engine wraps.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from realmodel.costs.adapter_cost import ADAPTER_BYTES, adapter_cost
from realmodel.costs.counted import GRADIENT_BYTES, OPTIMISER_BYTES
from realmodel.costs.device_costs import DeviceCosts
from realmodel.costs.serving import packed_name, vllm_rank
from realmodel.model.modules import AdaptedModule
from theory.choice.cost_model import CostModel
from theory.choice.underpriced_search import UnderpricedCost


@dataclass(frozen=True)
class ModuleCosts:
    """One cost of any set of modules: ``base + per_depth (L - lowest layer) + own + shared``.

    Attributes
    ----------
    own : CostModel
        What every module adds by itself, in the card's order.
    groups : tuple of str
        For each module what it shares a charge with; the first of a group pays for all.
    charges : mapping of str to float
        By group.
    """

    own: CostModel
    groups: tuple[str, ...]
    charges: Mapping[str, float]

    def of(self, modules: Sequence[int]) -> float:
        """Cost of a non-empty set."""
        shared = {self.groups[at] for at in modules}
        return self.own.of(modules) + sum(self.charges[group] for group in sorted(shared))

    @property
    def shared_alone(self) -> bool:
        """Whether further modules of a group cost nothing."""
        return not any(self.own.per_layer) and self.own.per_depth == 0

    def of_units(self, units: Sequence[Sequence[int]]) -> UnderpricedCost:
        """Cost of sets of units, each some modules, in ascending order of their lowest ones."""
        heights = tuple(max(map(self.own.height, unit)) for unit in units)
        alone = [sum(self.own.per_layer[at] for at in unit) for unit in units]
        members: dict[str, int] = {}
        for unit in units:
            for at in unit:
                members[self.groups[at]] = members.get(self.groups[at], 0) + 1
        parts = [
            sum(self.charges[self.groups[at]] / members[self.groups[at]] for at in unit)
            for unit in units
        ]
        per_unit = tuple(own + charge for own, charge in zip(alone, parts, strict=True))
        return UnderpricedCost(
            lambda chosen: self.of([at for position in chosen for at in units[position]]),
            CostModel(per_unit, self.own.base, self.own.per_depth, heights),
        )


def module_costs(costs: DeviceCosts, modules: Sequence[AdaptedModule], kind: str) -> ModuleCosts:
    """Divide one of the costs among modules.

    Parameters
    ----------
    costs : DeviceCosts
        Of whole layers.
    modules : sequence
        All modules of these layers, lowest layer first.
    kind : {"time", "memory", "serving", "parameters"}

    Examples
    --------
    >>> modules = [
    ...     AdaptedModule(f"{at}.{name}", at, name, 2, out, f"{at}", False)
    ...     for at in (0, 1) for name, out in (("q", 2), ("fc", 6))
    ... ]
    >>> cost = CostModel((12.0, 12.0), base=5.0, per_depth=1.0)
    >>> costs = DeviceCosts(cost, cost, cost, CostModel((12.0, 12.0)), rank=1, tokens=1,
    ...                     calibrated=False, device="")
    >>> time = module_costs(costs, modules, "time")  # operations: 4 parameters and 8
    >>> time.own.per_layer, time.of([2]), time.of([0, 3])
    ((4.0, 8.0, 4.0, 8.0), 10.0, 19.0)
    """
    layers = sorted({module.layer for module in modules})
    position = {layer: at for at, layer in enumerate(layers)}
    cost = costs.of(kind)
    heights = tuple(cost.height(position[module.layer]) for module in modules)
    own = [adapter_cost([module], costs.rank).parameters for module in modules]
    number, size = [0] * len(layers), [0] * len(layers)
    for module, parameters in zip(modules, own, strict=True):
        number[position[module.layer]] += 1
        size[position[module.layer]] += parameters

    def divided(fixed: float) -> tuple[float, ...]:
        """Each layer's own cost, a part of it evenly and the rest by size."""
        return tuple(
            cost.per_layer[at := position[module.layer]]
            * (fixed / number[at] + (1 - fixed) * parameters / size[at])
            for module, parameters in zip(modules, own, strict=True)
        )

    alone = tuple(module.name for module in modules)
    model = partial(CostModel, base=cost.base, per_depth=cost.per_depth, heights=heights)
    if kind == "memory":
        return _memory(costs, modules, own, position, model)
    if kind == "serving" and costs.engine != "hf":
        return _served(costs, modules, model)
    fixed = {"time": costs.fixed_share, "serving": float(costs.calibrated)}.get(kind, 0.0)
    return ModuleCosts(model(divided(fixed)), alone, dict.fromkeys(alone, 0.0))


def module_record(
    costs: DeviceCosts, modules: Sequence[AdaptedModule], chosen: Sequence[int]
) -> dict[str, float]:
    """All four costs of a set of modules, and each as a share of adapting every layer."""
    found = {kind: module_costs(costs, modules, kind).of(chosen) for kind in costs.KINDS}
    return found | costs.shares(found)


def _memory(
    costs: DeviceCosts,
    modules: Sequence[AdaptedModule],
    own: Sequence[int],
    position: Mapping[int, int],
    model: "partial[CostModel]",
) -> ModuleCosts:
    """AdamW's state by size; what was measured beyond it as the counts of its parts divide it.

    With checkpointing a block keeps its input alone, whatever is adapted in it.
    """
    kept = ADAPTER_BYTES * costs.tokens * (costs.gradient_checkpointing == "none")
    groups = tuple(f"{module.layer} {module.input_group}" for module in modules)
    inputs = {
        group: float(kept * module.in_features)
        for group, module in zip(groups, modules, strict=True)
    }
    parts = [float(GRADIENT_BYTES * size + kept * costs.rank) for size in own]
    alone, charges = [0.0] * len(modules), dict[str, float]()
    for layer, at in position.items():
        inside = [i for i, module in enumerate(modules) if module.layer == layer]
        shared = {groups[i]: inputs[groups[i]] for i in inside}
        state = OPTIMISER_BYTES * sum(own[i] for i in inside)
        counted = sum(parts[i] for i in inside) + sum(shared.values())
        scale = max(costs.memory.per_layer[at] - state, 0.0) / counted
        charges |= {group: scale * held for group, held in shared.items()}
        for i in inside:
            alone[i] = OPTIMISER_BYTES * own[i] + scale * parts[i]
    return ModuleCosts(model(tuple(alone)), groups, charges)


def _served(
    costs: DeviceCosts, modules: Sequence[AdaptedModule], model: "partial[CostModel]"
) -> ModuleCosts:
    """An engine multiplies all that it has wrapped: whole merged modules, in all layers or one."""
    nothing = model((0.0,) * len(modules))
    names = [module.name for module in modules]
    rank = costs.rank
    if costs.engine == "sglang":
        groups = [packed_name(name).rpartition(".")[2] for name in names]
        nothing = CostModel(nothing.per_layer, heights=nothing.heights)
    elif costs.engine == "vllm-targeted":
        groups, rank = [packed_name(name) for name in names], vllm_rank(rank)
    else:
        return ModuleCosts(nothing, tuple(names), dict.fromkeys(names, 0.0))
    charges = dict.fromkeys(groups, 0.0)
    for group, module in zip(groups, modules, strict=True):
        charges[group] += adapter_cost([module], rank).forward_flops
    return ModuleCosts(nothing, tuple(groups), charges)
