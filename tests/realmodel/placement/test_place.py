"""Placements against exhaustive search, and budgets that make no sense."""

from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from realmodel.card import LayerCard
from realmodel.placement import Budget, frontier, place, rank_plan
from theory import BlockQuadratic, InputError, exact_search, greedy, top_k

Sets = list[tuple[int, ...]]


@pytest.fixture(scope="module")
def small(make_card: Callable[..., LayerCard]) -> LayerCard:
    return make_card(seed=3, layers=6)


def every_set(layers: int) -> Sets:
    return [chosen for size in range(1, layers + 1) for chosen in combinations(range(layers), size)]


def ranked(card: LayerCard, among: Sets) -> Sets:
    return sorted(among, key=lambda chosen: -card.quadratic.gain(chosen))


@pytest.mark.parametrize("size", [1, 2, 4])
def test_a_number_of_layers(small: LayerCard, size: int) -> None:
    best, second = ranked(small, list(combinations(range(6), size)))[:2]
    choice = place(small, objective="gain", budget=str(size))
    assert choice.best.layers == best
    assert choice.runner_up is not None
    assert choice.runner_up.layers == second
    assert choice.margin == pytest.approx(small.quadratic.gain(best) - small.quadratic.gain(second))


@pytest.mark.parametrize("objective", ["time", "memory", "serving"])
@pytest.mark.parametrize("share", [75, 100])
def test_a_share_of_a_cost(small: LayerCard, objective: str, share: int) -> None:
    cost = small.costs.of(objective)
    limit = share / 100 * small.costs.everything(objective) * (1 + 1e-12)
    affordable = [chosen for chosen in every_set(6) if cost.of(chosen) <= limit]
    best, *rest = ranked(small, affordable)
    choice = place(small, objective=objective, budget=f"{share}%")
    assert choice.best.layers == best
    assert choice.best.costs[objective] <= limit
    assert choice.runner_up is not None
    others = [chosen for chosen in rest if not set(chosen) > set(best)]
    assert choice.runner_up.layers == others[0]


@pytest.mark.parametrize("kind", ["time", "memory", "serving", "parameters"])
def test_no_set_beats_a_point_of_the_front(small: LayerCard, kind: str) -> None:
    cost = small.costs.of(kind)
    front = frontier(small, kind)
    for chosen in every_set(6):
        price, gain = cost.of(chosen), small.quadratic.gain(chosen)
        assert any(
            point.costs[kind] <= price * (1 + 1e-12) and point.gain >= gain * (1 - 1e-9)
            for point in front
        )
    gains = [point.gain for point in front]
    assert gains == sorted(gains)
    assert front[-1].gain == pytest.approx(small.quadratic.gain())


def test_the_guarantee_says_which_bounds_are_void(small: LayerCard) -> None:
    assert small.coupling.rho >= 1
    text = " ".join(place(small, objective="gain", budget="3").guarantee)
    assert "exact search" in text
    assert "the paper's form is void" in text


def test_candidates_are_block_indices(small: LayerCard) -> None:
    choice = place(small, objective="gain", budget="2", layers=[0, 4, 5])
    assert set(choice.best.layers) <= {0, 4, 5}


def test_all_layers_have_no_runner_up(small: LayerCard) -> None:
    choice = place(small, objective="gain", budget="6")
    assert choice.best.layers == tuple(range(6))
    assert choice.runner_up is None
    assert choice.margin is None


def test_without_replicates_there_is_no_interval(small: LayerCard) -> None:
    choice = place(
        replace(small, gauss_newton=replace(small.predictor(), replicates=None)),
        objective="gain",
        budget="2",
    )
    assert {swap.leads for swap in choice.exchanges} == {None}
    assert choice.best.gain_error is None
    assert choice.margin_error is None


@pytest.mark.parametrize(
    ("objective", "budget", "message"),
    [
        ("speed", "4", "unknown objective 'speed'"),
        ("gain", "0", "admits 0 layers"),
        ("gain", "7", "admits 7 layers: choose between 1 and 6"),
        ("gain", "2.5", "number of layers"),
        ("gain", "1e300", "admits 1000000"),
        ("gain", "1e400%", "not an amount"),
        ("time", "9" * 5000 + "ms", "not an amount"),
        ("time", "1e-400s", "admits nothing"),
        ("time", "0.6", r"has no unit: write 60% for a share .* or an amount such as"),
        ("memory", "0.5", r"has no unit: write 50% for .* such as .*MB"),
        ("serving", "4", r"has no unit: write 4% for .* such as 300µs"),
        ("serving", "4layers", "objective gain counts layers, serving takes a share such as 50%"),
        ("gain", "4%", "admits 0 layers"),
        ("time", "fast", "not an amount"),
        ("time", "nan", "not an amount"),
        ("time", "-1s", "not an amount"),
        ("time", "0%", "admits nothing"),
        ("time", "2GB", "counted in seconds per step"),
        ("time", "1ms", "admits no layer"),
        ("memory", "1kB", "admits no layer"),
    ],
)
def test_budgets_that_make_no_sense(
    small: LayerCard, objective: str, budget: str, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        place(small, objective=objective, budget=budget)


def test_layers_off_the_card(small: LayerCard) -> None:
    with pytest.raises(InputError, match=r"\[9\] are not on the card"):
        place(small, objective="gain", budget="1", layers=[0, 9])
    with pytest.raises(InputError, match="cannot choose 3 of 2"):
        place(small, objective="gain", budget="3", layers=[0, 1])


@pytest.mark.parametrize(
    ("text", "value"), [("80ms", 0.08), ("0.08 s", 0.08), ("8e-2s", 0.08), ("80000μs", 0.08)]
)
def test_amounts(small: LayerCard, text: str, value: float) -> None:
    assert Budget.parse("time", text, small.costs).value == pytest.approx(value)


def test_shares_of_the_layers_are_rounded_down_exactly(small: LayerCard) -> None:
    for text, layers in (("50%", 3), ("4layers", 4), ("1 layer", 1), ("34%", 2), ("100%", 6)):
        assert Budget.parse("gain", text, small.costs).value == layers


@pytest.mark.parametrize(("text", "beyond"), [("150%", True), ("9s", True), ("100%", False)])
def test_a_budget_above_everything_says_so(small: LayerCard, text: str, beyond: bool) -> None:
    choice = place(small, objective="time", budget=text)
    assert ("limits nothing" in choice.budget.text) == beyond
    assert choice.best.layers == tuple(range(6))


@pytest.mark.parametrize("change", [1.0, 30.0])
def test_a_promise_beyond_the_loss_is_warned_of(measured: LayerCard, change: float) -> None:
    assert measured.tangent is not None
    quadratic = measured.tangent.quadratic
    grown = BlockQuadratic(change * quadratic.gradient, quadratic.curvature, quadratic.sizes)
    card = replace(measured, tangent=replace(measured.tangent, quadratic=grown))
    beyond = grown.gain() > card.data["loss"]
    assert beyond == (change > 1)
    choice = place(card, objective="gain", budget="2")
    assert any("more than the whole loss" in warning for warning in choice.warnings) == beyond
    other = place(card, objective="gain", budget="2", predictor="gauss-newton")
    assert not other.warnings
    (edited,) = place(replace(measured, edited=True), objective="gain", budget="2").warnings
    assert "edited" in edited


def test_ranks_move_to_the_largest_singular_values(small: LayerCard) -> None:
    plan = rank_plan(small, (1, 4))
    rows = [row for row in small.module_profiles if row.module.layer in (1, 4)]
    assert set(plan.ranks) == {row.module.name for row in rows}
    assert plan.parameters <= plan.uniform_parameters == 4 * 8 * 48
    pool = np.concatenate([row.singular_values for row in rows])
    best = np.sort(pool)[::-1][:32]
    kept = np.concatenate([row.singular_values[: plan.ranks[row.module.name]] for row in rows])
    np.testing.assert_allclose(np.sort(kept)[::-1], best)
    assert plan.gain_ratio >= 1
    assert plan.interval[0] <= 0.5 * np.sum(best**2)


@pytest.mark.parametrize("name", ["tangent", "gauss-newton"])
def test_the_predictor_that_is_asked_for_chooses(measured: LayerCard, name: Any) -> None:
    model = measured.predictor(name)
    best = max(combinations(range(4), 2), key=model.quadratic.gain)
    choice = place(measured, objective="gain", budget="2", predictor=name)
    assert choice.predictor == name
    assert choice.best.layers == best
    assert choice.best.gain == pytest.approx(model.quadratic.gain(best))
    assert choice.bounds["coupling"] == pytest.approx(model.quadratic.restrict(best).coupling)
    assert choice.front[-1].gain == pytest.approx(model.quadratic.gain())
    if name == "tangent":  # the default of a card that has it
        assert place(measured, objective="gain", budget="2").to_dict() == choice.to_dict()


@pytest.mark.parametrize("name", ["exact", "greedy", "top-k"])
def test_a_rule_chooses_and_the_certificate_judges_it(small: LayerCard, name: str) -> None:
    choice = place(small, objective="gain", budget="3", rule=name)
    quadratic = small.predictor().quadratic
    expected = {"exact": exact_search, "greedy": greedy, "top-k": top_k}[name](quadratic, 3)
    assert choice.best.layers == expected.layers
    best = exact_search(quadratic, 3).gain
    assert choice.certificate.gain_at_most >= best * (1 - 1e-9)


def test_a_rule_of_sizes_refuses_a_budget_of_cost(small: LayerCard) -> None:
    assert place(small, objective="time", budget="70%", rule="top-k").best.layers
    with pytest.raises(InputError, match="greedy takes a number of layers"):
        place(small, objective="time", budget="70%", rule="greedy")
    with pytest.raises(InputError, match="unknown rule 'luck': choose one of exact, greedy, top-k"):
        place(small, objective="gain", budget="3", rule="luck")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"budget": True}, "budget True is not an amount"),
        ({"budget": None}, "budget None is not an amount"),
        ({"objective": "time", "budget": 0.9}, r"budget '0.9' of objective time has no unit"),
        ({"layers": "0-3"}, "layers must be whole numbers"),
        ({"layers": [0.0, 1.0]}, "layers must be whole numbers"),
        ({"layers": [True, False]}, "layers must be whole numbers"),
        ({"predictor": "tangents"}, "unknown predictor 'tangents': choose tangent, gauss-newton"),
        ({"shape": None}, "unknown shape 'None'"),
    ],
)
def test_arguments_of_the_wrong_kind(small: LayerCard, given: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        place(small, **{"objective": "gain", "budget": "2", **given})


def test_numbers_and_any_sequence_are_taken(small: LayerCard) -> None:
    wanted = place(small, objective="gain", budget="2", layers=(0, 1, 3)).best.layers
    for budget in (2, 2.0, np.int64(2)):
        for layers in ([0, 1, 3], np.array([3, 1, 0]), (i for i in (0, 1, 3))):
            assert (
                place(small, objective="gain", budget=budget, layers=layers).best.layers == wanted
            )  # type: ignore[arg-type]
