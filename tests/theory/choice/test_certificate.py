"""Certificates and prices against brute force, in both forms, at any coupling."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import LinearConstraint, minimize

from theory import (
    BlockQuadratic,
    CostModel,
    InputError,
    KernelQuadratic,
    certificate,
    exact_search,
    greedy,
)
from theory.choice.block_split import BlockSplit
from theory.choice.choices import choices
from theory.choice.relaxation import relax
from theory.choice.response import Response, dual_upper


def rows_and_gradient(
    seed: int, sizes: tuple[int, ...], rows: int
) -> tuple[np.ndarray, np.ndarray]:
    """Rows with a common direction; a gradient outside their range."""
    rng = np.random.default_rng(seed)
    p = sum(sizes)
    J = rng.standard_normal((rows, p)) + 2.0 * rng.standard_normal((rows, 1))
    return J, rng.standard_normal(p)


def both_forms(
    seed: int, sizes: tuple[int, ...], rows: int, ridge: float
) -> tuple[BlockQuadratic, KernelQuadratic]:
    J, g = rows_and_gradient(seed, sizes, rows)
    quadratic = BlockQuadratic(g, J.T @ J + ridge * np.eye(len(g)), sizes)
    kernels = [KernelQuadratic.layer(J[:, at], g[at], ridge) for at in quadratic.slices]
    return quadratic, KernelQuadratic.of(kernels)


def best_of_size(quadratic, size: int) -> tuple[float, list[tuple[int, ...]]]:
    sets = list(itertools.combinations(range(quadratic.layers), size))
    gains = [quadratic.gain(s) for s in sets]
    return max(gains), sets


def drawn(count: int, layers: int) -> tuple[np.ndarray, np.ndarray]:
    """Whitened scalar layers: ``A = I + M`` with ``rho`` up to ``L - 1``, and ``u``."""
    rng = np.random.default_rng(3)
    J = rng.standard_normal((count, layers, layers))
    J += 10 ** rng.uniform(-2, 1.5, (count, 1, 1)) * rng.standard_normal((count, layers, 1))
    H = J.swapaxes(1, 2) @ J + 10 ** rng.uniform(-3, 0, (count, 1, 1)) * np.eye(layers)
    scale = 1 / np.sqrt(np.einsum("kii->ki", H))
    return H * scale[:, :, None] * scale[:, None], rng.standard_normal((count, layers))


def brute_force(A: np.ndarray, u: np.ndarray, size: int) -> np.ndarray:
    """Best gain of each of many problems, from the definition."""
    best = np.zeros(len(u))
    for layers in itertools.combinations(range(u.shape[1]), size):
        at = list(layers)
        part = np.linalg.solve(A[:, at][:, :, at], u[:, at][..., None])[..., 0]
        best = np.maximum(best, 0.5 * (u[:, at] * part).sum(axis=1))
    return best


def check_bounds(upper: np.ndarray, best: np.ndarray) -> None:
    assert (upper >= best * (1 - 1e-9)).all()


def test_two_thousand_certificates_hold() -> None:
    """The positive control: each bound is computed again from its definition and holds."""
    A, u = drawn(2000, 6)
    floor = np.linalg.eigvalsh(A)[:, 0]
    (allowed,) = choices(6, 3, None, range(6))
    best = brute_force(A, u, 3)
    shape = BlockQuadratic(np.ones(6), np.eye(6), (1,) * 6)
    again, upper = np.zeros(2000), np.zeros(2000)
    for i, (own, gradient, least) in enumerate(zip(A, u, floor, strict=True)):
        R = own / least - np.eye(6)
        found = relax(BlockSplit(shape, gradient / np.sqrt(least), R), allowed, iterations=4)
        upper[i] = found.upper
        z = found.proof.weights
        y = -np.linalg.solve(np.diag(1 / np.maximum(z, 1e-300)) + R, gradient / np.sqrt(least))
        r = gradient / np.sqrt(least) + R @ y
        again[i] = 0.5 * y @ R @ y + 0.5 * np.sort(r**2)[-3:].sum()
    np.testing.assert_allclose(again, upper, rtol=1e-6)
    check_bounds(upper, best)
    assert np.mean(best > 0.9 * upper) > 0.1
    with pytest.raises(AssertionError):  # negative control
        check_bounds(0.9 * upper, best)


@pytest.mark.parametrize("sizes", [(1,) * 6, (3, 1, 2, 4, 1), (2, 2)])
@pytest.mark.parametrize("ridge", [0.01, 1.0, 100.0])
def test_certificates_of_every_size(sizes, ridge: float) -> None:
    quadratic, kernel = both_forms(1, sizes, 4, ridge)
    for size in range(1, len(sizes) + 1):
        best, sets = best_of_size(quadratic, size)
        found = certificate(quadratic, size)
        same = certificate(kernel, size)
        given_floor = certificate(quadratic, size, floor=ridge)
        # The default finds the ridge by itself.
        assert found.upper <= given_floor.upper * (1 + 1e-3)
        assert same.upper == pytest.approx(given_floor.upper, rel=1e-3)
        for own in (found, same, given_floor):
            assert own.upper >= best * (1 - 1e-9)
            assert own.relaxed_gain <= own.upper * (1 + 1e-9)
            assert own.placement.gain == pytest.approx(quadratic.gain(own.placement.layers))
            assert own.placement.gain >= greedy(quadratic, size).gain * (1 - 1e-9)
            assert own.placement.guarantee.fraction == pytest.approx(1 - own.gap)
            assert own.weights.sum() == pytest.approx(size, rel=1e-6)
            for layers in sets:
                assert own.fraction(layers) == pytest.approx(
                    min(quadratic.gain(layers) / own.upper, 1.0), rel=1e-6
                )
                if own.proves(layers):
                    assert quadratic.gain(layers) >= best * (1 - 1e-6)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("per_depth", [0.0, 0.7])
def test_certificates_of_budgets(seed: int, per_depth: float) -> None:
    rng = np.random.default_rng(seed)
    quadratic, kernel = both_forms(seed, (2, 1, 3, 1, 2), 4, 0.5)
    cost = CostModel(tuple(rng.uniform(0.0, 2.0, 5).tolist()), base=0.5, per_depth=per_depth)
    sets = [s for n in range(1, 6) for s in itertools.combinations(range(5), n)]
    least = min(map(cost.of, sets))
    for share in (0.0, 0.3, 0.7, 1.0):
        budget = least + share * (cost.of(range(5)) - least)
        fits = [s for s in sets if cost.of(s) <= budget * (1 + 1e-9)]
        best = max(quadratic.gain(s) for s in fits)
        for form in (quadratic, kernel):
            found = certificate(form, budget, costs=cost)
            assert found.upper >= best * (1 - 1e-9)
            assert found.placement.cost <= budget * (1 + 1e-9)
            assert found.placement.gain <= best * (1 + 1e-9)
            for layers in set(sets) - set(fits):
                with pytest.raises(InputError, match="not among the sets"):
                    found.fraction(layers)


def test_prices_of_a_set_bound_adding_and_dropping() -> None:
    for form in both_forms(2, (2, 1, 3, 1, 2), 4, 0.3):
        found = certificate(form, 2)
        for layers in itertools.combinations(range(5), 2):
            prices, gain = found.prices_of(layers), form.gain(layers)
            for layer in range(5):
                if layer in layers:
                    rest = [at for at in layers if at != layer]
                    assert gain - form.gain(rest) >= prices[layer] * (1 - 1e-9)
                else:
                    assert form.gain([*layers, layer]) - gain <= prices[layer] * (1 + 1e-9)


def test_prices_are_the_slopes_of_the_relaxed_gain() -> None:
    quadratic, kernel = both_forms(3, (2, 1, 3, 2), 3, 0.4)
    split = BlockSplit.of(quadratic, 0.4)
    assert split is not None
    z, step = np.array([0.2, 0.9, 0.5, 0.4]), 1e-6
    for form in (split, kernel):
        point = form.respond(z)
        ends = [
            [form.respond(z + sign * step * np.eye(4)[layer]).value for sign in (1, -1)]
            for layer in range(4)
        ]
        slopes = [(up - down) / (2 * step) for up, down in ends]
        np.testing.assert_allclose(point.prices, slopes, rtol=1e-5)
        assert point.value == pytest.approx(dual_upper(point.energy, point.prices @ z))
    np.testing.assert_allclose(split.respond(z).prices, kernel.respond(z).prices, rtol=1e-7)


@pytest.mark.parametrize("costs", [None, (1.0, 2.0, 0.5, 1.5, 1.8)])
def test_the_relaxation_reaches_its_optimum(costs) -> None:
    """Against SciPy's solver for smooth problems with constraints."""
    _, kernel = both_forms(4, (2, 1, 3, 1, 2), 4, 0.5)
    own = np.ones(5) if costs is None else np.array(costs)
    (allowed,) = choices(5, 2 if costs is None else 2.0, costs and CostModel(costs), range(5))
    found = relax(kernel, allowed, tolerance=1e-9, iterations=2000)
    best = minimize(
        lambda z: (-kernel.respond(z).value, -kernel.respond(z).prices),
        np.full(5, 0.2),
        jac=True,
        bounds=[(0, 1)] * 5,
        constraints=LinearConstraint(own, ub=2.0),
        method="SLSQP",
        options={"ftol": 1e-12, "maxiter": 500},
    )
    assert found.best.value == pytest.approx(-best.fun, rel=1e-6)
    assert found.upper == pytest.approx(-best.fun, rel=1e-5)
    assert own @ found.best.weights <= 2.0 * (1 + 1e-6)


def test_the_relaxation_falls_back_to_the_square_root() -> None:
    """``G = 100 - sum c_l / z_l^2``: the price itself overshoots for ever, its root does not."""
    c = np.array([1.0, 3.0, 0.5])

    class Steep:
        reason, layers = "", 3

        def gain(self, layers):
            return 0.0

        def additions(self, chosen, layers, costs):
            return layers[0], 0.0

        def respond(self, weights):
            prices = 2 * c / weights**3
            value = 100 - float((c / weights**2).sum())
            return Response(weights, value, value - float(weights @ prices), prices)

    (allowed,) = choices(3, 1, None, range(3))
    found = relax(Steep(), allowed, tolerance=1e-9)
    z = np.cbrt(c) / np.cbrt(c).sum()
    assert found.best.value == pytest.approx(100 - float((c / z**2).sum()), rel=1e-6)


def test_a_set_that_its_prices_prove() -> None:
    """Without coupling the largest residual norms are best, and any other set is not proved."""
    quadratic = BlockQuadratic(np.array([1.0, 3.0, 2.0, 0.5]), np.eye(4), (1,) * 4)
    found = certificate(quadratic, 2)
    assert found.upper == pytest.approx(6.5, rel=1e-12)
    assert found.placement.layers == (1, 2)
    assert found.placement.guarantee.fraction == 1.0
    assert "exact" in found.placement.guarantee.statement
    assert found.proves([1, 2])
    assert not found.proves([0, 1])
    np.testing.assert_allclose(found.prices, [0.5, 4.5, 2.0, 0.125])
    assert found.fraction([0, 1]) == pytest.approx(5.0 / 6.5)


def test_without_a_gradient_every_set_is_best() -> None:
    quadratic = BlockQuadratic(np.zeros(4), np.eye(4), (1,) * 4)
    found = certificate(quadratic, 2)
    assert (found.upper, found.gap) == (0.0, 0.0)
    assert found.proves([1, 3])


def test_singular_curvature_says_so(make) -> None:
    quadratic = make(1, (2, 3, 1, 2), 1.0, -1, 4)
    assert quadratic.reasons
    found = certificate(quadratic, 2)
    best, _ = best_of_size(quadratic, 2)
    assert "singular" in found.reason
    assert found.upper == pytest.approx(quadratic.gain(), rel=1e-9)
    assert best * (1 - 1e-9) <= found.upper
    assert found.placement.gain >= greedy(quadratic, 2).gain * (1 - 1e-9)
    layers = found.placement.layers
    prices = found.prices_of(layers)
    for layer in range(4):
        rest = [at for at in layers if at != layer]
        added = quadratic.gain(sorted({*layers, layer})) - quadratic.gain(rest)
        assert prices[layer] == pytest.approx(added, rel=1e-6, abs=1e-9 * found.upper)


def test_near_singularity_nothing_is_cut() -> None:
    """An absolute cut at 1e-9 would lose the pair that gains 1e10."""
    H = np.eye(4)
    H[0, 1] = H[1, 0] = -(1 - 1e-10)
    quadratic = BlockQuadratic(np.array([1.0, 1.0, 3.0, 2.9]), H, (1,) * 4)
    best = exact_search(quadratic, 2)
    assert best.layers == (0, 1)
    assert best.gain == pytest.approx(1e10, rel=1e-5)
    found = certificate(quadratic, 2)
    assert found.upper >= best.gain
    assert greedy(quadratic, 2).guarantee.fraction <= greedy(quadratic, 2).gain / best.gain * 1.001


@given(seed=st.integers(0, 2**32 - 1))
def test_losses_of_a_knapsack(seed: int) -> None:
    """Deciding a layer the other way lowers the relaxed knapsack by the loss at least."""
    rng = np.random.default_rng(seed)
    L = int(rng.integers(2, 7))
    prices = rng.exponential(size=L)
    if rng.random() < 0.5:
        (allowed,) = choices(L, int(rng.integers(1, L + 1)), None, range(L))
    else:
        cost = CostModel(tuple(rng.uniform(0.1, 1.0, L).tolist()))
        (allowed,) = choices(L, float(rng.uniform(1.0, 3.0)), cost, range(L))
    value, losses = allowed.value(prices), allowed.losses(prices)
    for layer in allowed.open_layers:
        ways = [allowed.exclude(layer).value(prices), allowed.force(layer).value(prices)]
        assert max(ways) <= value * (1 + 1e-12)
        assert min(ways) <= (value - losses[layer]) * (1 + 1e-9) + 1e-12


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"k": 0}, "cannot choose 0 of 3"),
        ({"k": 4}, "cannot choose 4 of 3"),
        ({"k": 1.5}, "whole number between 1 and 3"),
        ({"k": True}, "whole number between 1 and 3"),
        ({"floor": 0.0}, "floor must be positive definite"),
        ({"floor": -1.0}, "floor must be positive definite"),
        ({"floor": 1.5}, "floor is not below the curvature"),
        ({"floor": np.eye(2)}, "\\(3, 3\\) matrix"),
        ({"floor": np.full((3, 3), 0.1)}, "blocks on its diagonal alone"),
        ({"floor": float("nan")}, "finite number"),
        ({"candidates": []}, "empty"),
        ({"candidates": [True, False]}, "whole numbers"),
        ({"candidates": [0, 0]}, "twice"),
        ({"candidates": [3]}, "out of range"),
        ({"k": 0.1, "costs": CostModel.count(3)}, "admits no layer"),
        ({"k": 2.0, "costs": CostModel.count(2)}, "2 layers, not 3"),
        ({"tolerance": 0.0}, "tolerance"),
        ({"time_limit": 0.0}, "time_limit must be above 0"),
    ],
)
def test_bad_input(change, message: str) -> None:
    quadratic = BlockQuadratic(np.ones(3), np.eye(3), (1,) * 3)
    with pytest.raises(InputError, match=message):
        certificate(quadratic, **({"k": 2} | change))


@pytest.mark.parametrize(
    ("kernels", "projections", "squares", "message"),
    [
        (np.full((1, 2, 2), np.nan), np.ones((1, 2)), np.ones(1), "kernels must be finite"),
        (-np.ones((1, 2, 2)), np.ones((1, 2)), np.ones(1), "layer 0 is not symmetric positive"),
        (np.triu(np.ones((1, 2, 2))), np.ones((1, 2)), np.ones(1), "layer 0 is not symmetric"),
        (np.ones((1, 2, 2)), np.ones((1, 2)), -np.ones(1), "squares must be at least 0"),
    ],
)
def test_bad_kernels(kernels, projections, squares, message: str) -> None:
    with pytest.raises(InputError, match=message):
        KernelQuadratic(kernels, projections, squares)


def test_other_bad_input() -> None:
    quadratic, kernel = both_forms(1, (1, 2), 3, 1.0)
    with pytest.raises(InputError, match="holds its floor"):
        certificate(kernel, 1, floor=1.0)
    with pytest.raises(InputError, match="no layers"):
        KernelQuadratic.of([])
    with pytest.raises(InputError, match="ridge must be above 0"):
        KernelQuadratic.layer(np.ones((2, 1)), np.ones(1), 0.0)
    with pytest.raises(InputError, match="not among the sets"):
        certificate(quadratic, 1).fraction([0, 1])
    with pytest.raises(InputError, match="not among the sets"):
        certificate(quadratic, 1, candidates=[0]).proves([1])
