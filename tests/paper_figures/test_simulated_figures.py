"""Figures 7, 10 and 11 and the table of ranks: invariants and independent computations."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from simulate.spectra import spectrum

DataOf = Callable[[str], dict[str, Any]]


def curve(data: dict[str, Any], target: str, placement: str) -> dict[str, np.ndarray]:
    """One curve of figure 7 as arrays."""
    (found,) = (c for c in data["curves"] if (c["target"], c["placement"]) == (target, placement))
    return {k: np.array(v) for k, v in found.items() if isinstance(v, list)}


def check_spacing(spacing: dict[str, Any]) -> None:
    """Fail unless the exact curve is half the sum of the inverse coupling matrix."""
    for part in spacing["curves"]:
        for middle, gain in list(zip(spacing["middle"], part["gain"], strict=True))[1:-1:13]:
            at = np.array([0.0, middle, spacing["span"]])
            M = part["decay"] ** np.abs(np.subtract.outer(at, at))
            np.testing.assert_allclose(gain, 0.5 * np.linalg.inv(M).sum(), rtol=1e-9)
        np.testing.assert_allclose(max(part["gain"]), part["best"], rtol=1e-12)
        assert part["gain"].index(max(part["gain"])) == len(spacing["middle"]) // 2


def test_exact_spacing(data_of: DataOf) -> None:
    check_spacing(data_of("spreading")["spacing"])


def test_the_spacing_check_fails_on_a_wrong_decay(data_of: DataOf) -> None:
    spacing = data_of("spreading")["spacing"]
    wrong = [part | {"decay": part["decay"] * 0.99} for part in spacing["curves"]]
    with pytest.raises(AssertionError):
        check_spacing(spacing | {"curves": wrong})


def test_spreading_helps_redundant_and_hurts_synergistic_layers(data_of: DataOf) -> None:
    data = data_of("spreading")
    spread, near, best = (curve(data, "uniform", name) for name in ("spread", "contiguous", "best"))
    redundant = spread["rho"] > 0
    assert np.all(spread["gain"][redundant] > near["gain"][redundant])
    assert np.all(spread["gain"][~redundant] < near["gain"][~redundant])
    assert np.all(spread["guaranteed"] > near["guaranteed"])
    for one in (spread, near):
        assert np.all(one["gain"] <= best["gain"] * (1 + 1e-9))
        assert np.all(one["guaranteed"] <= one["gain"] * (1 + 1e-9))


def test_uniform_gain_from_the_definition(data_of: DataOf) -> None:
    near = curve(data_of("spreading"), "uniform", "contiguous")
    distance = np.abs(np.subtract.outer(np.arange(24), np.arange(24)))
    pattern = np.exp(-distance / 2.0) - np.eye(24)
    pattern /= np.linalg.norm(pattern, 2)
    inside = pattern[10:14, 10:14]
    expected = [0.5 * np.linalg.inv(np.eye(4) + rho * inside).sum() for rho in near["rho"]]
    np.testing.assert_allclose(near["gain"], expected, rtol=1e-8)


def test_plug_in_is_biased_as_predicted_and_cross_fitting_is_not(data_of: DataOf) -> None:
    for part in data_of("finite_sample_bias")["bias"]:
        plug_in, fitted = part["plug_in"], part["cross_fitted"]
        predicted = np.array(part["predicted_bias"])
        np.testing.assert_allclose(predicted, 4 * 16 / (8 * np.array(part["sequences"])))
        z = (np.array(plug_in["mean"]) - part["truth"] - predicted) / np.array(plug_in["error"])
        assert np.all(np.abs(z) < 5)
        if part["signal"] == 0:
            assert np.all(np.abs(np.array(fitted["mean"]) / np.array(fitted["error"])) < 5)
        large = slice(3, None)
        gap = np.abs(np.array(fitted["mean"]) - part["truth"])
        assert np.all(gap[large] < 5 * np.array(fitted["error"])[large])


def test_coverage_is_a_share_with_its_binomial_error(data_of: DataOf) -> None:
    data = data_of("finite_sample_bias")
    for part in data["coverage"]:
        share = np.array(part["share"])
        assert np.all((share >= 0) & (share <= 1))
        error = np.sqrt(share * (1 - share) / data["worlds"])
        np.testing.assert_allclose(part["error"], error, atol=1e-12)
    by = {(p["unit"], p["dependence"]): np.mean(p["share"][:4]) for p in data["coverage"]}
    assert by["sequence", 0.5] > by["token", 0.5] + 0.1


def test_noise_amplification_follows_the_spectrum(data_of: DataOf) -> None:
    data = data_of("amplification_and_steps")
    flat = np.array(data["noise"]["spectra"]["flat"]["predicted"]["mean"])
    for name, part in data["noise"]["spectra"].items():
        measured, predicted = (
            np.array(part[column]["mean"]) for column in ("parameter_error", "predicted")
        )
        np.testing.assert_allclose(measured, predicted, rtol=0.5)
        assert np.all(predicted >= np.array(part["floor"]["mean"]))
        values = [spectrum(name, 16, condition=c) for c in part["condition"]]
        growth = np.array([np.sum(1 / v) for v in values]) / 16
        np.testing.assert_allclose(predicted / flat, growth, rtol=0.3)
        error = np.array(part["prediction_error"]["mean"])
        np.testing.assert_allclose(error, data["noise"]["predicted_prediction_error"], rtol=0.2)


def test_training_follows_the_closed_form(data_of: DataOf) -> None:
    for part in data_of("amplification_and_steps")["steps"].values():
        trained, exact, bound = (
            np.array(part[name]["mean"]) for name in ("trained", "closed_form", "bound")
        )
        np.testing.assert_allclose(trained, exact, rtol=1e-6)
        assert np.all(np.diff(exact) >= 0)
        assert np.all(exact <= bound + 1e-12)
        assert exact[-1] <= 1 + 1e-12


def test_no_allocation_beats_the_best(data_of: DataOf) -> None:
    rows = data_of("rank_allocation")["rows"]
    assert {row["coupling"] > 0 for row in rows} == {True, False}
    for row in rows:
        assert max(row["blind"], row["even"], row["average"]) <= 1 + 1e-9
    (none,) = (row for row in rows if row["coupling"] == 0)
    assert none["blind"] == pytest.approx(1, abs=1e-3)
    assert none["predicted"] == pytest.approx(1, abs=1e-3)
