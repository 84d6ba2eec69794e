"""Figure 8 and the tables of baselines and ablation, against the comparison's own runs."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from paper_figures.tables.ablation import variant

DataOf = Callable[[str], dict[str, Any]]
Measured = Callable[[str], dict[str, dict[str, Any]]]


def check_points(panel: dict[str, Any], runs: list[dict[str, Any]]) -> None:
    """Fail unless every point is the mean of its runs and lies between their extremes."""
    for point in panel["points"]:
        gains = [run["gain"] for run in runs if run["layers"] == point["layers"]]
        assert point["realised"] == pytest.approx(np.mean(gains))
        assert point["realised_low"] <= point["realised"] + 1e-12
        assert point["realised_high"] >= point["realised"] - 1e-12


def test_points_are_means_of_runs(data_of: DataOf, measured: Measured) -> None:
    panel = data_of("predicted_gain")["panels"][0]
    (source,) = measured("predicted_gain").values()
    runs = source["comparison"]["runs"]
    for each in data_of("predicted_gain")["panels"]:
        check_points(each, runs)
    with pytest.raises(AssertionError):
        check_points(panel, [run | {"gain": run["gain"] + 1} for run in runs])


def test_predictions_lie_within_their_bounds(data_of: DataOf) -> None:
    points = [point for p in data_of("predicted_gain")["panels"] for point in p["points"]]
    for point in points:
        assert point["joint"] >= point["signed_lower"] * (1 - 1e-9)
        assert point["signed_upper"] is None or point["joint"] <= point["signed_upper"] * (1 + 1e-9)


def test_baselines_are_in_order_with_their_own_regret(data_of: DataOf, measured: Measured) -> None:
    rows = data_of("baselines")["rows"]
    known = [row["placements"] for row in rows if row["placements"] is not None]
    assert known == sorted(known, reverse=True)
    (source,) = measured("baselines").values()
    runs, whole = source["comparison"]["runs"], source["comparison"]["all_gain"]
    mean = {
        layers: np.mean([run["gain"] for run in runs if tuple(run["layers"]) == layers])
        for layers in {tuple(run["layers"]) for run in runs}
    }
    best = max(gain for layers, gain in mean.items() if len(layers) == 4)
    for row in rows:
        pick = tuple(int(layer) for layer in row["pick"].split())
        assert row["pick_gain"] == pytest.approx(mean[pick])
        assert row["regret_share"] == pytest.approx((best - mean[pick]) / whole)


def test_ablation_keeps_the_first_directions_and_damps(measured: Measured) -> None:
    card = measured("ablation")["whole"]["card"]
    most = card["options"]["directions"]
    whole = variant(card, most, 0.0)
    H = np.array(card["quadratic"]["curvature"])
    np.testing.assert_array_equal(whole.curvature, (H + H.T) / 2)
    damped = variant(card, most, 0.5)
    ridge = np.diag(damped.curvature - whole.curvature)
    np.testing.assert_allclose(ridge, 0.5 * np.mean(np.diag(H)), rtol=1e-9)
    assert damped.gain() < whole.gain()


def test_ablation_predicts_less_with_more_damping(data_of: DataOf) -> None:
    rows = data_of("ablation")["rows"][:4]
    assert [row["damping"] for row in rows] == [0.0, 0.1, 1.0, 10.0]
    assert np.all(np.diff([row["predicted"] for row in rows]) < 0)
    assert all(-1 <= row["correlation"] <= 1 for row in rows)
