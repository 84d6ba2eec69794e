"""Figure 1: projections and gains, computed again from the definition."""

from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
import pytest

DataOf = Callable[[str], dict[str, Any]]


def check_projections(geometry: dict[str, Any]) -> None:
    """Fail unless gains are half the squared lengths of least-squares projections."""
    r = np.array(geometry["residual"])
    T = np.array(geometry["tangents"]).T
    for columns, gain, foot in (
        (T[:, :1], geometry["single_gains"][0], geometry["projections"][0]),
        (T[:, 1:], geometry["single_gains"][1], geometry["projections"][1]),
        (T, geometry["joint_gain"], geometry["joint_projection"]),
    ):
        fitted = columns @ np.linalg.lstsq(columns, r)[0]
        np.testing.assert_allclose(foot, fitted, atol=1e-12)
        np.testing.assert_allclose(gain, 0.5 * fitted @ fitted, rtol=1e-12)
    cosine = T[:, 0] @ T[:, 1] / np.prod(np.linalg.norm(T, axis=0))
    np.testing.assert_allclose(geometry["coupling"], abs(cosine), rtol=1e-12)


def test_geometry(data_of: DataOf) -> None:
    check_projections(data_of("overview")["geometry"])


@pytest.mark.parametrize("wrong", ["joint_gain", "coupling"])
def test_the_check_fails_on_a_wrong_number(data_of: DataOf, wrong: str) -> None:
    geometry = data_of("overview")["geometry"]
    with pytest.raises(AssertionError):
        check_projections(geometry | {wrong: geometry[wrong] * 1.01})


def test_best_sets_are_best_and_sums_are_sums(data_of: DataOf) -> None:
    network = data_of("overview")["network"]
    best, norms = network["best_gain"], np.array(network["residual_norms"])
    assert np.all(np.diff(best) >= 0)
    assert all(a <= b + 1e-12 for a, b in zip(network["largest_norms_gain"], best, strict=True))
    assert best[-1] == pytest.approx(network["largest_norms_gain"][-1])
    assert best[0] == pytest.approx(0.5 * norms.max() ** 2)
    pairs = [0.5 * (norms[i] ** 2 + norms[j] ** 2) for i, j in combinations(range(len(norms)), 2)]
    assert network["sum_of_gains"][1] == pytest.approx(max(pairs))
    assert network["sum_of_gains"][-1] == pytest.approx(0.5 * np.sum(norms**2))
