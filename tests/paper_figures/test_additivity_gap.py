"""Figure 6: every ratio within the bounds, and the closed-form curves attained."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import numpy as np
import pytest

DataOf = Callable[[str], dict[str, Any]]


def check_bounds(curves: list[dict[str, Any]]) -> None:
    """Fail unless ratios and excess losses lie within the paper's and the signed bounds."""
    for curve in curves:
        rho = np.array(curve["rho"])
        low, high = (np.array(curve["ratio"][end]) for end in ("low", "high"))
        upper = np.divide(1.0, 1 - rho, out=np.full_like(rho, np.inf), where=rho < 1)
        assert np.all(low >= 1 / (1 + rho) - 1e-9), "below 1/(1+rho)"
        assert np.all(high <= upper * (1 + 1e-9)), "above 1/(1-rho)"
        assert np.all(low >= np.array(curve["signed_lower"]) - 1e-9), "below the signed bound"
        assert np.all(high <= np.array(curve["signed_upper"]) * (1 + 1e-9)), "above it"
        bound = np.array(curve["excess_loss_bound"], dtype=float)
        assert not np.any(curve["excess_loss"]["high"] > bound * (1 + 1e-9)), "excess"
        assert np.isnan(bound[rho >= 1]).all()


def test_bounds_hold(data_of: DataOf) -> None:
    check_bounds(data_of("additivity_gap")["curves"])


@pytest.mark.parametrize("factor", [0.4, 30.0])
def test_the_check_fails_on_a_wrong_ratio(data_of: DataOf, factor: float) -> None:
    curves = deepcopy(data_of("additivity_gap")["curves"])
    for end in ("low", "high"):
        curves[0]["ratio"][end][3] *= factor
    with pytest.raises(AssertionError):
        check_bounds(curves)


def test_worst_targets_attain_the_bounds(data_of: DataOf) -> None:
    curves = {(c["sign"], c["target"]): c for c in data_of("additivity_gap")["curves"]}
    redundant, synergistic = curves["redundant", "strongest"], curves["synergistic", "weakest"]
    rho = np.array(redundant["rho"])
    np.testing.assert_allclose(redundant["ratio"]["median"], 1 / (1 + rho), rtol=1e-9)
    rho = np.array(synergistic["rho"])
    np.testing.assert_allclose(synergistic["ratio"]["median"], 1 / (1 - rho), rtol=1e-9)


def test_redundant_coupling_reaches_above_one(data_of: DataOf) -> None:
    curves = data_of("additivity_gap")["curves"]
    assert max(max(c["rho"]) for c in curves if c["sign"] == "redundant") > 1
    assert max(max(c["rho"]) for c in curves if c["sign"] == "synergistic") < 1


def test_cards_lie_above_their_signed_bound(data_of: DataOf) -> None:
    for card in data_of("additivity_gap")["cards"]:
        assert card["ratio"] >= card["signed_lower"] * (1 - 1e-9)
        assert card["rho"] > 0
