"""The Gauss-Newton quadratic against an explicit dense computation."""

from typing import Any

import numpy as np
import pytest
import torch

from realmodel.measure.gauss_newton import GaussNewton, gauss_newton, select_directions
from realmodel.measure.gauss_newton.directions import Directions
from realmodel.measure.one_pass import one_pass
from realmodel.model.modules import find_modules
from theory import InputError


def given(modules: Any, k: int = 2) -> Directions:
    rng = np.random.default_rng(1)
    left = {m.name: rng.standard_normal((k, m.out_features)) for m in modules}
    right = {m.name: rng.standard_normal((k, m.in_features)) for m in modules}
    return Directions(tuple(modules), left, right)


def check_parity(ours: Any, gradient: Any, curvature: Any) -> None:
    for value, exact in ((ours.gradient, gradient), (ours.curvature, curvature)):
        error = np.linalg.norm(value - exact) / np.linalg.norm(exact)
        assert error < 1e-8, f"relative error {error:.3g}"


def test_parity_with_a_dense_jacobian(model: Any, encoded: Any, reference: Any) -> None:
    modules = find_modules(model).modules
    directions = given(modules)
    ours = gauss_newton(model, encoded, modules, directions, groups=3)
    exact = reference(model, encoded, modules).dense_gauss_newton(directions)
    check_parity(ours.quadratic, *exact)
    with pytest.raises(AssertionError, match="relative error"):
        check_parity(ours.quadratic, exact[0], 1.0001 * exact[1])


@pytest.mark.parametrize(
    "options", [{"batch_size": 1}, {"padding_side": "left"}, {"chunk": 3}], ids=str
)
def test_nothing_depends_on_how_it_is_computed(model: Any, encoded: Any, options: Any) -> None:
    modules = find_modules(model).modules
    plain = gauss_newton(model, encoded, modules, given(modules), groups=2).quadratic
    other = gauss_newton(model, encoded, modules, given(modules), groups=2, **options).quadratic
    check_parity(other, plain.gradient, plain.curvature)


def test_tangents_may_stop_at_the_logits(make: Any, encoded: Any, monkeypatch: Any) -> None:
    """And the two ways to sum agree."""
    from realmodel.measure.head import Head

    model = make("qwen3")
    modules = find_modules(model).modules
    few = [m for m in modules if m.kind == "mlp.up_proj"]
    through_head = gauss_newton(model, encoded, few, given(few), groups=2).quadratic
    monkeypatch.setattr(Head, "of", lambda model, batch: Head())
    at_logits = gauss_newton(model, encoded, few, given(few), groups=2).quadratic
    check_parity(through_head, at_logits.gradient, at_logits.curvature)


def test_blocks_by_layer_are_the_modules_merged(make: Any, encoded: Any) -> None:
    model = make("llama")
    modules = find_modules(model).modules
    # Modules in any order: layers still come out ascending.
    shuffled = tuple(reversed(modules))
    ours = gauss_newton(model, encoded, modules, given(modules), groups=2)
    turned = gauss_newton(model, encoded, shuffled, given(shuffled), groups=2)
    assert ours.by_layer().sizes == (14, 14)
    assert ours.layers == (0,) * 7 + (1,) * 7
    assert ours.by_layer().gain([1]) == pytest.approx(ours.quadratic.gain(range(7, 14)))
    assert turned.by_layer().sizes == (14, 14)


def test_directions_have_unit_curvature_in_the_kronecker_metric(model: Any, encoded: Any) -> None:
    statistics = one_pass(model, encoded, find_modules(model), groups=4)
    for kind in ("residual", "gradient", "random"):
        chosen = select_directions(statistics, directions=2, kind=kind, ridge=0.0)
        for module in chosen.modules:
            a, b = chosen.left[module.name], chosen.right[module.name]
            metric = (a @ statistics.gamma[module.name] @ a.T) * (
                b @ statistics.sigma[module.input_group] @ b.T
            )
            np.testing.assert_allclose(np.diag(metric), 1.0, rtol=1e-6)


def test_residual_directions_attain_the_rank_k_norm(make: Any, encoded: Any) -> None:
    from theory import kronecker_residual_norm

    statistics = one_pass(make("llama"), encoded, find_modules(make("llama")), groups=4)
    chosen = select_directions(statistics, directions=3, ridge=1e-3, half=None)
    for module in chosen.modules:
        name = module.name
        sigma, gamma = statistics.sigma[module.input_group], statistics.gamma[name]
        slope = np.einsum(
            "ki,ij,kj->k", chosen.left[name], statistics.gradient[name], chosen.right[name]
        )
        exact = kronecker_residual_norm(
            statistics.gradient[name], sigma, gamma, rank=3,
            ridge=1e-3 * np.trace(sigma) / len(sigma),
            output_ridge=1e-3 * np.trace(gamma) / len(gamma),
        )  # fmt: skip
        assert np.linalg.norm(slope) == pytest.approx(exact, rel=1e-8)


def test_the_gain_is_measured_on_other_sequences(make: Any, encoded: Any) -> None:
    model = make("gpt2")
    table = find_modules(model)
    statistics = one_pass(model, encoded, table, groups=4)
    chosen = select_directions(statistics, directions=1, half=0)
    ours = gauss_newton(model, encoded, table, chosen)
    assert ours.metadata["selection"] == "other half"
    assert ours.metadata["sequences"] == 5
    fresh = gauss_newton(model, encoded[:4], table, chosen)
    assert fresh.metadata["selection"] == "other data"
    same = gauss_newton(
        model, encoded, table, select_directions(statistics, directions=1, half=None)
    )
    assert "overstated" in same.metadata["selection"]


def test_damping_is_added_to_the_diagonal(make: Any, encoded: Any) -> None:
    model = make("gpt2")
    modules = find_modules(model).modules
    ours = gauss_newton(model, encoded, modules, given(modules, 1), groups=11).damped(0.5)
    np.testing.assert_allclose(
        ours.quadratic.curvature - ours.damped(0.0).quadratic.curvature,
        0.5 * np.eye(len(modules)),
        atol=1e-12,
    )


def test_save_and_load(make: Any, encoded: Any, tmp_path: Any) -> None:
    model = make("gpt2")
    modules = find_modules(model).modules
    ours = gauss_newton(model, encoded, modules, given(modules, 1), groups=2)
    ours.save(tmp_path / "measured.safetensors")
    again = GaussNewton.load(tmp_path / "measured.safetensors")
    np.testing.assert_array_equal(again.quadratic.curvature, ours.quadratic.curvature)
    assert again.modules == ours.modules
    with pytest.raises(InputError, match="not on sha256:other"):
        GaussNewton.load(tmp_path / "measured.safetensors", model="sha256:other")


def test_bad_input(make: Any, encoded: Any) -> None:
    model = make("gpt2")
    modules = find_modules(model).modules
    with pytest.raises(InputError, match="no direction was given for module"):
        gauss_newton(model, encoded, modules, given(modules[:2]))
    with pytest.raises(InputError, match="9 directions: choose 1 to 8"):
        select_directions(one_pass(model, encoded, modules), directions=9)
    with pytest.raises(InputError, match="do not fit"):
        Directions(
            modules[:1], {modules[0].name: np.ones((1, 3))}, {modules[0].name: np.ones((1, 8))}
        )
    model.config._attn_implementation = "sdpa"
    with pytest.raises(InputError, match="load with attention='eager'"):
        gauss_newton(model, encoded, modules, given(modules))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_gpu_equals_cpu(make: Any, encoded: Any) -> None:
    model = make("gpt2")
    modules = find_modules(model).modules
    on_cpu = gauss_newton(model, encoded, modules, given(modules), groups=2).quadratic
    on_gpu = gauss_newton(model.cuda(), encoded, modules, given(modules), groups=2).quadratic
    check_parity(on_gpu, on_cpu.gradient, on_cpu.curvature)
