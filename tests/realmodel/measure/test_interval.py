"""Matrix-free products and the interval against dense matrices."""

from typing import Any

import numpy as np
import pytest

from realmodel.measure.gauss_newton import LanczosOptions, layers_interval
from realmodel.measure.gauss_newton.directions import Directions
from realmodel.measure.gauss_newton.products import GaussNewtonProducts
from realmodel.measure.one_pass import one_pass
from realmodel.measure.whitener import Whitener
from realmodel.model.modules import find_modules
from theory import InputError


def unit_directions(modules: Any) -> Directions:
    """Every entry of every weight: the full space."""
    left, right = {}, {}
    for m in modules:
        left[m.name] = np.repeat(np.eye(m.out_features), m.in_features, axis=0)
        right[m.name] = np.tile(np.eye(m.in_features), (m.out_features, 1))
    return Directions(tuple(modules), left, right)


def test_product_and_interval_match_the_dense_matrix(
    model: Any, encoded: Any, reference: Any
) -> None:
    table = find_modules(model)
    few = ("attn.c_proj", "self_attn.k_proj", "self_attn.v_proj")
    modules = [m for m in table.modules if m.layer == 1 and m.kind in few]
    statistics = one_pass(model, encoded, modules, groups=4)
    H = reference(model, encoded, modules).dense_gauss_newton(unit_directions(modules))[1]
    products = GaussNewtonProducts(
        model, encoded, modules, batch_size=3, labels=([0, 1, 2] * 4)[:11]
    )
    rng = np.random.default_rng(0)
    V = {m.name: rng.standard_normal((m.out_features, m.in_features)) for m in modules}
    flat = np.concatenate([V[m.name].ravel() for m in modules])
    parts = products.by_group(V)
    ours = np.concatenate([parts[m.name].sum(axis=0).ravel() for m in modules])
    ours /= products.group_tokens.sum()
    assert np.linalg.norm(ours - H @ flat) < 1e-8 * np.linalg.norm(H @ flat)

    damping, ridge = 0.5, 1e-2
    found = layers_interval(
        model, encoded, statistics, [1], LanczosOptions(6, damping), ridge=ridge, groups=3
    )
    W = _block_diagonal(
        [
            np.kron(
                Whitener.of(statistics.gamma[m.name], ridge).factor,
                Whitener.of(statistics.sigma[m.input_group], ridge).factor,
            )
            for m in modules
        ]
    )
    A = W.T @ H @ W + damping * np.eye(len(W))
    first, second = (
        W.T @ np.concatenate([statistics.half_gradients(m.name)[side].ravel() for m in modules])
        for side in (0, 1)
    )
    u = (first + second) / 2
    exact = 0.5 * u @ np.linalg.solve(A, u)
    crossed = 0.5 * first @ np.linalg.solve(A, second)
    slack = 1e-9 * exact
    assert found.lower - slack <= exact <= found.upper + slack
    assert found.cross_fitted_lower - slack <= crossed <= found.cross_fitted_upper + slack
    assert found.standard_error > 0
    # Needed: less damping than promised would put the dense gain outside.
    assert not found.lower <= 0.5 * u @ np.linalg.solve(A - 0.4 * np.eye(len(W)), u) <= found.upper


def test_more_products_close_the_interval(make: Any, encoded: Any) -> None:
    model = make("gpt2")
    modules = [m for m in find_modules(model).modules if m.kind == "attn.c_proj"]
    statistics = one_pass(model, encoded, modules, groups=4)
    widths: list[float] = []
    for number in (1, 3, 9):
        found = layers_interval(
            model, encoded[:3], statistics, [0], LanczosOptions(number, damping=2.0), groups=3
        )
        widths.append((found.upper - found.lower) / found.upper)
    assert widths[0] > widths[1] > widths[2]
    assert widths[2] < 0.05


def _block_diagonal(blocks: Any) -> Any:
    size = sum(len(block) for block in blocks)
    full, start = np.zeros((size, size)), 0
    for block in blocks:
        full[start : start + len(block), start : start + len(block)] = block
        start += len(block)
    return full


def test_options_are_checked(make: Any, encoded: Any) -> None:
    model = make("gpt2")
    statistics = one_pass(model, encoded, find_modules(model))
    for options, match in (
        ({"layers": [5]}, r"layers \[5\] hold no measured module"),
        ({"layers": []}, "hold no measured module"),
        ({"layers": [0], "groups": 2}, "groups 2: choose 3 to 11"),
    ):
        with pytest.raises(InputError, match=match):
            layers_interval(model, encoded, statistics, **options)
