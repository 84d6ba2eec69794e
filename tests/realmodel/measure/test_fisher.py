"""The Monte-Carlo Fisher tends to the exact Gauss-Newton matrix."""

from typing import Any

import numpy as np
import pytest

from realmodel.measure.fisher import agreement, monte_carlo_fisher
from realmodel.measure.gauss_newton import gauss_newton
from realmodel.measure.gauss_newton.directions import Directions
from realmodel.model.modules import find_modules
from theory import InputError


def given(modules: Any) -> Directions:
    rng = np.random.default_rng(2)
    left = {m.name: 0.1 * rng.standard_normal((1, m.out_features)) for m in modules}
    right = {m.name: 0.1 * rng.standard_normal((1, m.in_features)) for m in modules}
    return Directions(tuple(modules), left, right)


def test_unbiased(make: Any, encoded: Any) -> None:
    """z-score of the trace over 10 seeds, and a small error of the mean of 100 draws."""
    model = make("gpt2")
    modules = find_modules(model).modules[:4]
    exact = gauss_newton(model, encoded, modules, given(modules), groups=3)
    ours = monte_carlo_fisher(model, encoded, modules, given(modules), draws=100, groups=3)
    np.testing.assert_allclose(ours.quadratic.gradient, exact.quadratic.gradient, rtol=1e-9)
    record = agreement(ours, exact)
    assert record.curvature_error < 0.15
    assert record.gain_ratio == pytest.approx(1.0, abs=0.2)
    few = [
        float(
            np.trace(
                monte_carlo_fisher(
                    model, encoded, modules, given(modules), seed=s, groups=3, batch_size=11
                ).quadratic.curvature
            )
        )
        for s in range(1, 11)
    ]
    z = (np.mean(few) - np.trace(exact.quadratic.curvature)) / (np.std(few, ddof=1) / 10**0.5)
    assert abs(z) < 5
    # Negative control: labels of the data instead of sampled ones are far off on this model.
    assert agreement(exact, exact).curvature_error == 0.0


def test_batches_change_nothing_and_options_are_checked(make: Any, encoded: Any) -> None:
    model = make("llama")
    modules = find_modules(model).modules[:3]
    one, other = (
        monte_carlo_fisher(model, encoded, modules, given(modules), groups=2, **options)
        for options in ({"batch_size": 1}, {"batch_size": 6, "padding_side": "left"})
    )
    np.testing.assert_allclose(one.quadratic.curvature, other.quadratic.curvature, rtol=1e-8)
    with pytest.raises(InputError, match="draws must be at least 1, got 0"):
        monte_carlo_fisher(model, encoded, modules, given(modules), draws=0)
    with pytest.raises(InputError, match="not measured in the same directions"):
        agreement(one, monte_carlo_fisher(model, encoded, modules[:2], given(modules[:2])))
