import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theory import BlockQuadratic, InputError
from theory.proofs.problems.quadratic import draw_problems

SIZES = (2, 1, 3)
EPS = float(np.finfo(np.float64).eps)


@pytest.fixture
def jacobian() -> np.ndarray:
    return np.random.default_rng(5).standard_normal((20, 6))


@pytest.fixture
def quadratic(jacobian: np.ndarray) -> BlockQuadratic:
    return BlockQuadratic.from_least_squares(jacobian, np.arange(20.0) - 7, SIZES)


def check_minimiser(quadratic: BlockQuadratic, theta: np.ndarray, coordinates: list[int]) -> None:
    """No slope along the tuned coordinates, nothing anywhere else."""
    slope = quadratic.gradient + quadratic.curvature @ theta
    scale = np.abs(quadratic.curvature).max() * np.abs(theta).max() + np.abs(slope).max()
    assert np.abs(slope[coordinates]).max() <= 1e-9 * scale
    others = np.setdiff1d(np.arange(len(theta)), coordinates)
    assert (theta[others] == 0).all()


@given(st.integers(0, 2**32 - 1))
def test_against_definitions(seed: int) -> None:
    """Every derived quantity against dense linear algebra on the definition."""
    problems = draw_problems(np.random.default_rng(seed), 4)
    for i in range(4):
        q = problems.quadratic(i)
        tolerance = max(1e-12, float(problems.tolerance[i]))
        H, g = q.curvature, q.gradient
        close = {"rtol": 10 * tolerance, "atol": 10 * tolerance}
        scale = problems.energy[i]
        assert np.isclose(q.gain() / scale, problems.gain[i] / scale, **close)
        assert np.isclose(q.gain(problems.tuned) / scale, problems.gain_tuned[i] / scale, **close)
        low, high = problems.coupling_range
        assert np.allclose(q.coupling_range, (low[i], high[i]), **close)
        assert q.coupling == max(-q.coupling_range[0], q.coupling_range[1])
        assert np.isclose(q.value(problems.theta[i]), problems.value(problems.theta)[i])
        assert np.isclose(q.norm(problems.theta[i]), problems.norm(problems.theta)[i])
        check_minimiser(q, q.minimiser(), list(range(len(g))))
        check_minimiser(q, q.minimiser(problems.tuned), problems.inside)
        apart = [np.sqrt(g[s] @ np.linalg.solve(H[s, s], g[s])) for s in q.slices]
        assert np.allclose(q.residual_norms / np.sqrt(scale), apart / np.sqrt(scale), **close)
        assert np.allclose(
            problems.norm(np.broadcast_to(q.separate_minimiser(), problems.theta.shape))[i],
            np.sqrt(scale),
            **close,
        )
        assert q.reasons == ()


def test_minimiser_check_fails_on_a_wrong_answer(quadratic: BlockQuadratic) -> None:
    right = quadratic.minimiser([0])
    check_minimiser(quadratic, right, [0, 1])
    with pytest.raises(AssertionError):
        check_minimiser(quadratic, right * 1.001, [0, 1])
    with pytest.raises(AssertionError):
        check_minimiser(quadratic, quadratic.minimiser(), [0, 1])


def test_whitening(quadratic: BlockQuadratic) -> None:
    """``I + M`` and ``H`` are congruent: the same gain from either."""
    M, u = quadratic.whitened_coupling, quadratic.whitened_gradient
    assert (M == M.T).all()
    assert all((M[s, s] == 0).all() for s in quadratic.slices)
    assert np.isclose(u @ np.linalg.solve(np.eye(6) + M, u) / 2, quadratic.gain(), rtol=1e-12)


def test_gain_is_minus_the_least_value(quadratic: BlockQuadratic) -> None:
    for layers in (None, [0], [2, 0], (1, 2)):
        theta = quadratic.minimiser(layers)
        assert np.isclose(-quadratic.value(theta), quadratic.gain(layers), rtol=1e-12)


def test_gain_is_monotone_and_order_free(quadratic: BlockQuadratic) -> None:
    assert quadratic.gain([0]) <= quadratic.gain([0, 2]) <= quadratic.gain()
    assert quadratic.gain([2, 0]) == pytest.approx(quadratic.gain([0, 2]), rel=64 * EPS)


def test_restrict_interlaces(quadratic: BlockQuadratic) -> None:
    part = quadratic.restrict([2, 0])
    assert part.sizes == (2, 3)
    assert np.isclose(part.gain(), quadratic.gain([0, 2]), rtol=1e-12)
    assert quadratic.coupling_range[0] <= part.coupling_range[0] + 1e-12
    assert part.coupling <= quadratic.coupling + 1e-12


def test_regroup(quadratic: BlockQuadratic) -> None:
    merged = quadratic.regroup([7, 3, 7])  # layer 3 goes first
    assert merged.sizes == (1, 5)
    assert np.isclose(merged.gain(), quadratic.gain(), rtol=1e-12)
    assert np.isclose(merged.gain([1]), quadratic.gain([0, 2]), rtol=1e-12)
    assert np.allclose(merged.gradient, quadratic.gradient[[2, 0, 1, 3, 4, 5]])
    with pytest.raises(InputError, match="2 labels for 3 layers"):
        quadratic.regroup([0, 1])


def test_regroup_never_raises_the_coupling(quadratic: BlockQuadratic) -> None:
    """Merging moves coupling into the blocks."""
    assert quadratic.regroup([0, 0, 1]).coupling < quadratic.coupling


def test_least_squares_gain_is_a_projection(
    jacobian: np.ndarray, quadratic: BlockQuadratic
) -> None:
    r = np.arange(20.0) - 7
    fit = jacobian[:, :3] @ np.linalg.lstsq(jacobian[:, :3], r, rcond=None)[0]
    assert np.isclose(quadratic.gain([0, 1]), fit @ fit / 2, rtol=1e-12)


def test_arrays_are_copies_and_read_only() -> None:
    gradient, curvature = np.ones(2), np.eye(2)
    q = BlockQuadratic(gradient, curvature, (1, 1))
    gradient[0], curvature[0, 0] = 5.0, 5.0
    assert q.gradient[0] == q.curvature[0, 0] == 1.0
    for array in (q.gradient, q.curvature, q.whitened_gradient, q.whitened_coupling):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0


def test_a_rounding_asymmetry_is_averaged() -> None:
    H = np.array([[1.0, 0.5], [0.5 + 1e-12, 1.0]])
    q = BlockQuadratic(np.ones(2), H, (1, 1))
    assert q.curvature[0, 1] == q.curvature[1, 0]


def test_integers_are_taken() -> None:
    assert BlockQuadratic(np.array([2]), np.array([[4]]), (1,)).gain() == 0.5


# ------------------------------------------------------------------ invariances


@given(st.integers(0, 10_000), st.floats(1e-6, 1e6), st.floats(1e-6, 1e6))
def test_scale(seed: int, s: float, t: float) -> None:
    """``g, H -> s g, t H``: couplings stay, gains go with ``s^2 / t``, solutions with ``s / t``."""
    base = draw_problems(np.random.default_rng(seed), 1).quadratic(0)
    moved = BlockQuadratic(s * base.gradient, t * base.curvature, base.sizes)
    assert np.allclose(moved.coupling_range, base.coupling_range, rtol=0, atol=1e-9)
    assert np.isclose(moved.gain(), base.gain() * s**2 / t, rtol=1e-7)
    assert np.allclose(moved.residual_norms, base.residual_norms * s / np.sqrt(t), rtol=1e-7)
    scale = np.abs(base.minimiser()).max()
    assert np.allclose(moved.minimiser() * t / s / scale, base.minimiser() / scale, atol=1e-6)


def test_powers_of_two_change_nothing_but_the_order_of_sums(quadratic: BlockQuadratic) -> None:
    moved = BlockQuadratic(8 * quadratic.gradient, 4 * quadratic.curvature, SIZES)
    assert np.allclose(moved.coupling_range, quadratic.coupling_range, rtol=0, atol=64 * EPS)
    assert moved.gain() == pytest.approx(quadratic.gain() * 16, rel=64 * EPS)


def test_coordinates_within_a_layer_do_not_matter(quadratic: BlockQuadratic) -> None:
    """Any invertible change of coordinates inside the layers."""
    rng = np.random.default_rng(0)
    T = np.zeros((6, 6))
    for s in quadratic.slices:
        T[s, s] = rng.standard_normal((s.stop - s.start,) * 2) + 3 * np.eye(s.stop - s.start)
    H = T.T @ quadratic.curvature @ T
    moved = BlockQuadratic(T.T @ quadratic.gradient, (H + H.T) / 2, SIZES)
    assert np.allclose(moved.coupling_range, quadratic.coupling_range, atol=1e-12)
    assert np.allclose(moved.residual_norms, quadratic.residual_norms, rtol=1e-12)
    assert np.allclose(T @ moved.minimiser(), quadratic.minimiser(), rtol=1e-10)


# ------------------------------------------------------------------ singular curvature


def test_dependent_columns_in_a_layer(jacobian: np.ndarray) -> None:
    jacobian[:, 4] = 2 * jacobian[:, 3]
    r = np.arange(20.0) - 7
    q = BlockQuadratic.from_least_squares(jacobian, r, SIZES)
    fit = jacobian @ np.linalg.lstsq(jacobian, r, rcond=None)[0]
    assert np.isclose(q.gain(), fit @ fit / 2, rtol=1e-12)
    assert np.isclose(-q.value(q.minimiser()), q.gain(), rtol=1e-12)
    assert q.reasons == (
        "the curvature of layer 2 is singular to working precision (rank 2 of 3): "
        "pseudo-inverse used",
    )


def test_dependent_columns_across_layers(jacobian: np.ndarray) -> None:
    jacobian[:, 4] = jacobian[:, 0]
    r = np.arange(20.0) - 7
    q = BlockQuadratic.from_least_squares(jacobian, r, SIZES)
    fit = jacobian @ np.linalg.lstsq(jacobian, r, rcond=None)[0]
    assert np.isclose(q.gain(), fit @ fit / 2, rtol=1e-12)
    assert np.isclose(q.coupling_range[0], -1.0, atol=1e-12)
    assert q.reasons == (
        "the curvature between layers is singular to working precision (rank 5 of 6): "
        "pseudo-inverse used",
    )


def test_fewer_samples_than_coordinates() -> None:
    rng = np.random.default_rng(2)
    J, r = rng.standard_normal((5, 12)), rng.standard_normal(5)
    q = BlockQuadratic.from_least_squares(J, r, (4, 4, 4))
    assert np.isclose(q.gain(), r @ r / 2, rtol=1e-12)
    assert np.isclose(-q.value(q.minimiser()), r @ r / 2, rtol=1e-10)
    assert "rank 5 of 12" in q.reasons[-1]


def test_a_layer_without_effect() -> None:
    q = BlockQuadratic(np.array([1.0, 0.0]), np.diag([2.0, 0.0]), (1, 1))
    assert np.isclose(q.gain(), 0.25, rtol=64 * EPS, atol=0)
    assert q.gain([0]) == pytest.approx(q.gain(), rel=64 * EPS)
    assert q.gain([1]) == 0.0
    assert np.allclose(q.residual_norms, [1 / np.sqrt(2.0), 0.0], rtol=64 * EPS)
    assert "rank 0 of 1" in q.reasons[0]


def test_a_gradient_without_curvature_is_left_out_and_said() -> None:
    q = BlockQuadratic(np.array([1.0, 3.0]), np.diag([2.0, 0.0]), (1, 1))
    assert np.isclose(q.gain(), 0.25, rtol=64 * EPS, atol=0)
    assert "leaves the range of the curvature by 3" in q.reasons[-1]


def test_bad_scaling_is_not_singularity() -> None:
    q = BlockQuadratic(np.array([1.0, 1e-10]), np.diag([1.0, 1e-20]), (2,))
    assert q.reasons == ()
    assert np.isclose(q.gain(), 1.0)


# ------------------------------------------------------------------ bad input


@pytest.mark.parametrize(
    ("gradient", "curvature", "sizes", "message"),
    [
        ([1.0, np.nan], np.eye(2), (1, 1), r"gradient holds nan at \(1,\)"),
        ([1.0, 2.0], [[1.0, np.inf], [np.inf, 1.0]], (1, 1), r"curvature holds inf at \(0, 1\)"),
        ([[1.0, 2.0]], np.eye(2), (1, 1), r"gradient must have 1 axes .* shape is \(1, 2\)"),
        ([], np.zeros((0, 0)), (), r"shape is \(0,\)"),
        ([1.0, 2.0], np.eye(3), (1, 1), r"curvature has shape \(3, 3\).* needs \(2, 2\)"),
        ([1.0, 2.0], np.eye(2), (1, 2), r"\(1, 2\) add up to 3, .* length 2"),
        ([1.0, 2.0], np.eye(2), (2, 0), r"positive whole numbers, not \(2, 0\)"),
        ([1.0, 2.0], [[1.0, 0.5], [0.4, 1.0]], (1, 1), "not symmetric: .* by 0.1"),
        ([1.0, 2.0], [[1.0, 0.0], [0.0, -2.0]], (1, 1), "layer 1 is indefinite: .* is -2"),
        ([1.0, 2.0], [[1.0, 2.0], [2.0, 1.0]], (2,), "layer 0 is indefinite: .* -1 "),
        ([1.0, 2.0], [[1.0, 2.0], [2.0, 1.0]], (1, 1), "between layers is indefinite: .* -1 "),
    ],
)
def test_bad_input(gradient: object, curvature: object, sizes: tuple, message: str) -> None:
    with pytest.raises(InputError, match=message):
        BlockQuadratic(np.array(gradient), np.array(curvature), sizes)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([], "empty"),
        ([0, 0], r"\(0, 0\) name a layer twice"),
        ([3], r"\(3,\) are out of range: there are 3"),
        ([-1], "out of range"),
    ],
)
def test_bad_layers(quadratic: BlockQuadratic, layers: list[int], message: str) -> None:
    for ask in (quadratic.gain, quadratic.minimiser, quadratic.restrict):
        with pytest.raises(InputError, match=message):
            ask(layers)


def test_bad_theta(quadratic: BlockQuadratic) -> None:
    with pytest.raises(InputError, match="theta has length 2, not 6"):
        quadratic.value(np.ones(2))


def test_residual_of_another_length(jacobian: np.ndarray) -> None:
    with pytest.raises(InputError, match="residual has length 3, but jacobian has 20 rows"):
        BlockQuadratic.from_least_squares(jacobian, np.ones(3), SIZES)


# ------------------------------------------------------------------ files


def test_save_and_load(quadratic: BlockQuadratic, tmp_path) -> None:
    path = tmp_path / "q.npz"
    quadratic.save(path)
    back = BlockQuadratic.load(path)
    assert (back.gradient == quadratic.gradient).all()
    assert (back.curvature == quadratic.curvature).all()
    assert back.sizes == quadratic.sizes
    assert os.listdir(tmp_path) == ["q.npz"]


def test_a_failed_save_leaves_nothing(
    quadratic: BlockQuadratic, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(np, "savez", fail)
    with pytest.raises(InputError, match="disk full"):
        quadratic.save(tmp_path / "q.npz")
    assert os.listdir(tmp_path) == []


def test_load_refuses_what_is_not_a_quadratic(quadratic: BlockQuadratic, tmp_path) -> None:
    with pytest.raises(InputError, match=r"cannot read a BlockQuadratic from .*missing\.npz"):
        BlockQuadratic.load(tmp_path / "missing.npz")
    (tmp_path / "text.npz").write_text("not an archive")
    with pytest.raises(InputError, match=r"text\.npz"):
        BlockQuadratic.load(tmp_path / "text.npz")
    np.savez(tmp_path / "pickle.npz", gradient=np.array([{}], dtype=object))
    with pytest.raises(InputError, match=r"pickle\.npz"):
        BlockQuadratic.load(tmp_path / "pickle.npz")
    np.savez(tmp_path / "other.npz", gradient=np.ones(2))
    with pytest.raises(InputError, match="curvature"):
        BlockQuadratic.load(tmp_path / "other.npz")
    quadratic.save(tmp_path / "cut.npz")
    whole = (tmp_path / "cut.npz").read_bytes()
    (tmp_path / "cut.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"cut\.npz"):
        BlockQuadratic.load(tmp_path / "cut.npz")
