"""Figures 2 to 5 and 9 and the tables of cards and runs, against the cards themselves."""

from collections.abc import Callable
from copy import deepcopy
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from paper_figures.figures.spectral_hardness import steps_gain
from paper_figures.preset import Preset
from paper_figures.steps.tuning import tune, tuning
from realmodel.evidence.published import PUBLISHED
from realmodel.finetuning import FinetuneOptions

DataOf = Callable[[str], dict[str, Any]]
Measured = Callable[[str], dict[str, dict[str, Any]]]


def test_profiles_are_sums_over_modules(data_of: DataOf, measured: Measured) -> None:
    profiles = data_of("layer_profiles")["profiles"]
    sources = measured("layer_profiles").values()
    for profile, source in zip(profiles, sources, strict=True):
        modules = source["card"]["modules"]
        for at, layer in enumerate(profile["layer"]):
            own = [module for module in modules if module["layer"] == layer]
            inputs = {m["input_group"]: m["activation_energy"] for m in own}
            gradient = np.sqrt(sum(m["gradient_norm"] ** 2 for m in own))
            assert profile["activation_energy"][at] == pytest.approx(sum(inputs.values()))
            assert profile["gradient_norm"][at] == pytest.approx(gradient)


def test_profile_intervals_hold_their_norm(data_of: DataOf) -> None:
    for profile in data_of("layer_profiles")["profiles"]:
        for norm, low, high in zip(
            profile["residual_norm"],
            profile["residual_norm_low"],
            profile["residual_norm_high"],
            strict=True,
        ):
            assert low is None or 0 <= low <= high
            assert norm is None or low <= norm <= high


def check_correlations(matrix: list[list[float]], values: np.ndarray) -> None:
    """Fail unless ``matrix`` is the Pearson correlation of the ranks of the rows of ``values``."""
    ranks = np.argsort(np.argsort(values, axis=1), axis=1)
    np.testing.assert_allclose(matrix, np.corrcoef(ranks), atol=1e-12)


@pytest.mark.parametrize(
    ("title", "name"),
    [("gain alone", "budget_gain"), ("residual norm", "residual_squared_cross_fitted")],
)
def test_task_correlations(data_of: DataOf, measured: Measured, title: str, name: str) -> None:
    families = data_of("task_correlation")["quantities"][title]
    assert len(families) == 2
    for family in families:
        values = np.array(
            [
                [layer[name] for layer in item["card"]["layers"]]
                for item in measured("task_correlation").values()
                if item["model"] == family["model"]
            ]
        )
        check_correlations(family["correlation"], values)
        assert np.all(np.diag(family["spread"]) == 0)
        values[0] = values[0, ::-1].copy()
        with pytest.raises(AssertionError):
            check_correlations(family["correlation"], values)


def test_conditioning_concludes_by_the_gain(data_of: DataOf) -> None:
    data = data_of("conditioning")
    for found in data["layers"]:
        ranks = [np.argsort(np.argsort(found[name])) for name in ("rank", "gain")]
        expected = np.corrcoef(*ranks)[0, 1]
        assert found["correlation"] == pytest.approx(expected)


def test_coupling_grows_with_the_step_budget_below_its_bounds(data_of: DataOf) -> None:
    for curve in data_of("step_budget_coupling")["curves"]:
        rho, budget = np.array(curve["coupling"]), np.array(curve["budget"])
        assert np.all(np.diff(rho) >= -1e-9 * rho[1:])
        for name in ("measured_bound", "certain_bound"):
            assert np.all(rho <= np.array(curve[name]) * (1 + 1e-6))
        assert budget[-1] == pytest.approx(curve["planned"])
        assert curve["certain_budget"] <= curve["additive_budget"]
        if curve["crossing"] is not None:
            assert curve["additive_budget"] <= curve["crossing"] * (1 + 1e-3)
            assert np.all(rho[budget > curve["crossing"]] >= 1 - 1e-9)


def test_spectra_predict_single_layers_below_their_bound(data_of: DataOf, small: Preset) -> None:
    data = data_of("spectral_hardness")
    for curve in data["curves"]:
        assert curve["steps"][-1] == small.steps
        predicted, bound = (np.array(curve[name]) for name in ("predicted", "bound"))
        assert np.all(predicted <= bound * (1 + 1e-9))
        assert np.all(np.diff(predicted) > 0)
        assert len(curve["trained"]) == len(predicted)
    assert all(0 < share <= 1 for found in data["reach"] for share in found["share"])


def test_4c_of_a_falling_rate_is_gradient_descent() -> None:
    rng = np.random.default_rng(0)
    lam, c = rng.uniform(0.1, 2.0, 5), rng.normal(size=5)
    for rate, steps in ((0.3, 1), (0.2, 7), (0.01, 40)):
        theta = np.zeros(5)
        for step in range(steps):
            theta -= rate * (1 - step / steps) * (c + lam * theta)
        gained = -(c @ theta + 0.5 * lam @ theta**2)
        assert steps_gain(lam, c, rate, steps) == pytest.approx(gained, rel=1e-10)


def test_conditioning_is_that_of_the_placements_layers(data_of: DataOf, measured: Measured) -> None:
    sources = {item["task"]: item for item in measured("conditioning").values()}
    for point in data_of("conditioning")["points"]:
        modules = sources[point["task"]]["card"]["modules"]
        groups = {m["input_group"] for m in modules if m["layer"] in point["layers"]}
        assert len(point["condition_number"]) == len(groups)
        assert all(0 < share <= 1 for share in point["effective_rank"])
        assert all(value is None or value >= 1 for value in point["condition_number"])


def check_front(front: list[dict[str, Any]], others: list[dict[str, Any]]) -> None:
    """Fail unless the front rises in cost and gain and no other point beats it in both."""
    cost, gain = (np.array([point[name] for point in front]) for name in ("cost", "gain"))
    assert np.all(np.diff(cost) > 0), "costs do not rise"
    assert np.all(np.diff(gain) > 0), "gains do not rise"
    for point in others:
        beaten = (cost <= point["cost"] + 1e-9) & (gain >= point["gain"] - 1e-9)
        assert beaten.any(), f"{point} is beyond the front"


def test_front(data_of: DataOf) -> None:
    data = data_of("pareto_front")
    for kind, front in data["fronts"].items():
        points = data["placements"][kind]
        check_front(front, list(points.values()))
        assert front[-1]["gain"] == pytest.approx(data["all_gain"])
        assert all(points["ours"]["gain"] >= p["gain"] - 1e-12 for p in points.values())
        assert {len(point["layers"]) for point in points.values()} == {data["size"]}


def test_the_front_check_fails_on_a_point_beyond(data_of: DataOf) -> None:
    front = deepcopy(data_of("pareto_front")["fronts"]["time"])
    with pytest.raises(AssertionError, match="beyond"):
        check_front(front[1:], [front[0]])
    with pytest.raises(AssertionError, match="rise"):
        check_front(front[::-1], [])


def test_adapters_have_equal_size(measured: Measured) -> None:
    for item in measured("placements").values():
        assert len({row["parameters"] for row in item["rows"]}) == 1
        assert len({row["placement"] for row in item["rows"]}) == 10


def test_the_first_run_of_a_process_is_not_timed(
    small: Preset, measured: Measured, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[FinetuneOptions] = []

    def run(*given: Any, **more: Any) -> SimpleNamespace:
        ran.append(given[4])
        return SimpleNamespace(gain=0.1, seconds=1.0, trainable_parameters=8, loss_before=2.0)

    monkeypatch.setattr("realmodel.finetuning.finetune", run)
    card = next(iter(measured("conditioning").values()))
    options = tuning(small, small.models[0], small.data[0]).options
    data = tune(**options, predicted=card, priced=card)
    assert len(ran) == len(data["rows"]) + 1
    assert [each.steps for each in ran] == [1] + [small.steps] * len(data["rows"])
    assert data["loss_before"] == 2.0


def test_shares_of_time_and_memory(data_of: DataOf, measured: Measured) -> None:
    runs = {item["task"]: item["rows"] for item in measured("time_and_memory").values()}
    points = data_of("time_and_memory")["points"]
    for point in points:
        rows = runs[point["task"]]
        (whole,) = (row["memory_bytes"] for row in rows if row["placement"] == "all")
        own = [r["memory_bytes"] for r in rows if r["placement"].startswith(point["placement"])]
        assert point["memory"][1] == pytest.approx(np.mean(own) / whole)
        assert point["time"][0] <= point["time"][1] <= point["time"][2]
    memory = {(p["task"], p["placement"]): p["memory"][1] for p in points}
    for task in runs:
        assert memory[task, "last"] < memory[task, "first"] <= 1


def test_published_rows_are_those_of_the_source(data_of: DataOf) -> None:
    assert PUBLISHED["middle"] == (2.408, 2.164, 2.856)
    assert PUBLISHED["first"] == (1.495, 1.655, 1.354)
    data = data_of("published_ordering")
    ranks = {row["placement"]: row["published_rank"] for row in data["rows"]}
    assert ranks == {"middle": 1, "uniform": 2, "random": 3, "last": 4, "first": 5}
    ours = sorted(data["rows"], key=lambda row: -row["gain"])
    assert [row["gain_rank"] for row in ours] == [1, 2, 3, 4, 5]
    difference = [row["published_rank"] - row["gain_rank"] for row in data["rows"]]
    assert data["correlation"] == pytest.approx(1 - np.sum(np.square(difference)) / 20)


def test_costs_follow_the_affine_model(data_of: DataOf, measured: Measured) -> None:
    cards = {item["model"]: item["card"] for item in measured("costs").values()}
    for row in data_of("costs")["rows"]:
        card = cards[row["model"]]
        depth = len(card["layers"])
        position = [layer["layer"] for layer in card["layers"]].index(row["layer"])
        for kind in ("time", "memory", "serving", "parameters"):
            cost = card["costs"][kind]
            expected = cost["base"] + cost["per_depth"] * (depth - position)
            assert row[kind] == pytest.approx(expected + cost["per_layer"][position])


def test_layer_statistics_has_a_row_for_every_layer(data_of: DataOf, measured: Measured) -> None:
    cards = [item["card"] for item in measured("layer_statistics").values()]
    rows = data_of("layer_statistics")["rows"]
    gains = [layer["budget_gain"] for card in cards for layer in card["layers"]]
    assert [row["budget_gain"] for row in rows] == gains


def test_every_theorem_is_in_the_table(data_of: DataOf) -> None:
    from theory import THEOREMS

    rows = data_of("theorem_verification")["rows"]
    assert [row["theorem"] for row in rows] == list(THEOREMS)
    assert all(row["violations"] == 0 and row["tight"] and row["needed"] for row in rows)
