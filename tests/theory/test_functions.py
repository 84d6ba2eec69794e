"""The other public functions, against naive references, and the numbers of the honesty notes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theory import (
    BlockQuadratic,
    InputError,
    compensation,
    coupling_bound,
    function_additivity,
    interaction_cost,
    interaction_norm,
    isotropic_gain,
    marginal_gain,
    principal_cosine,
    projected_gain,
    remainder,
    spaced_gain,
)
from theory.additivity_bounds.interaction_norm import block_norms
from theory.proofs.problems.quadratic import Problems, draw_problems
from theory.quadratic.largest_eigenvalue import RELATIVE_ERROR
from theory.quadratic.spectral_norm import spectral_norm
from theory.spreading.coupling_decay import decay_upper

SEEDS = st.integers(0, 2**32 - 1)


def whitened(M: np.ndarray, u: np.ndarray) -> BlockQuadratic:
    return Problems.from_whitened(M, u).quadratic(0)


# ------------------------------------------------------------------ section 2


@given(SEEDS)
def test_interaction_norm(seed: int) -> None:
    problems = draw_problems(np.random.default_rng(seed), 2)
    for i in range(2):
        record = interaction_norm(problems.quadratic(i))
        assert np.isclose(record.norm, np.linalg.norm(problems.interaction[i], 2), rtol=1e-9)
        assert record.lower <= record.norm * (1 + 1e-7)
        assert record.norm <= record.upper * (1 + 1e-7)
        assert record.coupling <= record.coupling_bound * (1 + 1e-7)
        assert record.coupling_bound <= record.gershgorin * (1 + 1e-12)
        assert record.lower <= record.sharp_lower * (1 + 1e-12)
        assert record.sharp_lower <= record.norm * (1 + 1e-7)
        assert record.norm <= record.sharp_upper * (1 + 1e-7)
        assert record.sharp_upper <= record.upper * (1 + 1e-12)


def test_interaction_norm_of_many_coordinates() -> None:
    """Lanczos on the square: either end may be the larger one, and both may be alike."""
    rng = np.random.default_rng(0)
    A = rng.standard_normal((600, 600))
    A = A + A.T
    two = np.kron(np.array([[0.0, 1.0], [1.0, 0.0]]), np.diag(np.linspace(1, 2, 300)))
    for matrix in (A, -A, A @ A, -A @ A, 1e200 * A, two, np.zeros((600, 600))):
        expected = np.abs(np.linalg.eigvalsh(matrix)[[0, -1]]).max()
        assert spectral_norm(matrix) == pytest.approx(expected, rel=RELATIVE_ERROR)


@pytest.mark.parametrize("sizes", [(1, 1, 1), (3, 1, 2), (4, 4)])
def test_block_norms(sizes: tuple[int, ...]) -> None:
    rng = np.random.default_rng(1)
    p = sum(sizes)
    ends = np.cumsum(sizes)
    for scale in (1e-200, 1.0, 1e200):
        matrix = scale * rng.standard_normal((2, p, p))
        for made in (matrix, matrix + matrix.swapaxes(1, 2)):
            found = block_norms(made, sizes)
            for i, j in np.ndindex(len(sizes), len(sizes)):
                rows, columns = (slice(ends[k] - sizes[k], ends[k]) for k in (i, j))
                expected = np.linalg.norm(made[:, rows, columns], 2, axis=(1, 2))
                assert np.allclose(found[:, i, j], expected, rtol=1e-12, atol=0)
    assert (block_norms(np.zeros((p, p)), sizes) == 0).all()


# ------------------------------------------------------------------ sections 1e, 5


@given(SEEDS)
def test_function_additivity(seed: int) -> None:
    problems = draw_problems(np.random.default_rng(seed), 1)
    record = function_additivity(problems.quadratic(0), problems.theta[0])
    theta, E = problems.theta[0], problems.interaction[0]
    scale = np.abs(problems.value(problems.theta)[0]) + record.bound
    assert np.isclose(record.nonadditivity / scale, abs(theta @ E @ theta) / 2 / scale, atol=1e-9)
    assert record.nonadditivity <= record.bound + 1e-9 * scale
    assert abs(record.interaction) == record.nonadditivity
    assert -record.bound - 1e-9 * scale <= record.lower <= record.interaction + 1e-9 * scale
    assert record.interaction - 1e-9 * scale <= record.upper <= record.bound + 1e-9 * scale


@given(SEEDS)
def test_compensation(seed: int) -> None:
    problems = draw_problems(np.random.default_rng(seed), 1)
    record = compensation(problems.quadratic(0), problems.tuned)
    allowed = max(1e-9, float(problems.tolerance[0]))
    scale = float(problems.energy[0])
    inside = problems.keep(problems.theta_joint, problems.inside)
    moved = problems.norm(problems.theta_tuned - inside)[0]
    assert np.isclose(record.displacement**2 / scale, moved**2 / scale, atol=allowed)
    assert record.displacement <= record.bound + allowed * np.sqrt(scale)
    assert record.displacement <= record.sharp_bound + allowed * np.sqrt(scale)
    assert record.displacement <= record.signed_bound + allowed * np.sqrt(scale)
    assert record.forgone_lower - allowed * scale <= record.signed_forgone_lower
    assert record.signed_forgone_lower - allowed * scale <= record.forgone
    assert record.forgone <= record.signed_forgone_upper + allowed * scale
    assert record.signed_forgone_upper <= record.forgone_upper + allowed * scale
    if record.bound < np.inf and record.sharp_bound < np.inf:
        assert record.sharp_bound <= record.bound * (1 + 1e-12)


def test_compensation_says_why_a_bound_is_infinite() -> None:
    M = (np.ones((6, 6)) - np.eye(6)) / 2
    record = compensation(whitened(M, np.ones(6)), [0, 1, 2, 3])
    assert record.bound == record.sharp_bound == np.inf
    assert record.forgone_lower == 0.0 < record.signed_forgone_lower
    assert len(record.reasons) == 2
    assert record.displacement <= record.signed_bound < np.inf
    # The coupling of two of them is 1/2: 5d holds though that of all is 2.5.
    assert compensation(whitened(M, np.ones(6)), [0, 1]).sharp_bound < np.inf
    twin = BlockQuadratic(np.ones(2), np.ones((2, 2)), (1, 1))
    assert compensation(twin, [0]).signed_bound == np.inf
    assert "no 12b" in compensation(twin, [0]).reasons[-1]


@given(SEEDS)
def test_marginal_gain(seed: int) -> None:
    problems = draw_problems(np.random.default_rng(seed), 1)
    q = problems.quadratic(0)
    new = int(problems.layer[problems.outside[0]])
    added = marginal_gain(q, problems.tuned, new)
    together = q.gain([*problems.tuned, new])
    allowed = max(1e-9, float(problems.tolerance[0])) * together
    assert abs(together - q.gain(problems.tuned) - added) <= allowed
    assert np.isclose(marginal_gain(q, [], new), q.gain([new]))


def test_marginal_gain_of_a_member() -> None:
    q = whitened(np.zeros((2, 2)), np.ones(2))
    with pytest.raises(InputError, match=r"layer 1 is in \(0, 1\) already"):
        marginal_gain(q, (0, 1), 1)


# ------------------------------------------------------------------ section 6


@given(st.floats(0.01, 3.0), st.floats(0.05, 2.0), st.integers(1, 6), st.integers(2, 20), SEEDS)
def test_coupling_bound(scale: float, rate: float, gap: int, layers: int, seed: int) -> None:
    """Any scalar couplings below ``kappa`` among layers at least ``gap`` apart."""
    rng = np.random.default_rng(seed)
    positions = np.cumsum(gap + rng.integers(0, 3, layers))
    depth = int(positions[-1]) + 1
    bound = coupling_bound(lambda t: scale * np.exp(-rate * t), gap, depth)
    distance = np.abs(np.subtract.outer(positions, positions))
    M = scale * np.exp(-rate * distance) * np.triu(rng.uniform(-1, 1, distance.shape), 1)
    assert np.linalg.norm(M + M.T, 2) <= bound * (1 + 1e-12)
    kappa = np.concatenate([[0.0], scale * np.exp(-rate * np.arange(1, depth))])
    assert bound <= decay_upper(kappa, gap) * (1 + 1e-12)
    assert decay_upper(kappa, gap) <= 2 * scale / np.expm1(rate * gap) * (1 + 1e-12)


def test_two_layers_couple_once() -> None:
    """12e is half of 6a there; a third layer between them has both on its sides."""
    assert coupling_bound(lambda t: 0.3, 5, 6) == 0.3
    assert coupling_bound(lambda t: 0.3, 5, 11) == 0.6
    assert coupling_bound(lambda t: 2.0 ** (-t / 2), 2, 7) == 0.5 + 0.25 + 0.5


@pytest.mark.parametrize(
    ("kappa", "gap", "layers", "message"),
    [
        (lambda t: 1.0, 0, 4, "gap must be a whole number of at least 1, not 0"),
        (lambda t: 1.0, 1, 0, "layers must be a whole number of at least 1, not 0"),
        (lambda t: float(t), 1, 4, "non-increasing over distances 1 to 3"),
        (lambda t: -1.0, 1, 4, "not negative"),
        (lambda t: np.nan, 1, 4, "finite"),
    ],
)
def test_coupling_bound_of_bad_input(kappa, gap: int, layers: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        coupling_bound(kappa, gap, layers)


def test_one_layer_couples_with_nothing() -> None:
    assert coupling_bound(lambda t: 1.0, 1, 1) == 0.0
    assert coupling_bound(lambda t: 1.0, 5, 5) == 0.0


CONTIGUOUS, UNIFORM = [0, 1, 2, 3], [0, 7, 15, 23]


def _decaying(sign: int) -> BlockQuadratic:
    """6b: 24 scalar layers, ``u = 1``, ``|M_ij| = 0.3 e^{-(|i-j|-1)/2}``."""
    distance = np.abs(np.subtract.outer(np.arange(24), np.arange(24)))
    M = sign * 0.3 * np.exp(-0.5 * (distance - 1.0))
    np.fill_diagonal(M, 0.0)
    if sign < 0:
        M *= 0.99 / -np.linalg.eigvalsh(M)[0]  # rescaled to keep H > 0
    return whitened(M, np.ones(24))


def test_spreading_helps_redundant_layers_and_hurts_synergistic_ones() -> None:
    redundant, synergistic = _decaying(1), _decaying(-1)
    assert redundant.gain(CONTIGUOUS) == pytest.approx(1.194, abs=5e-4)
    assert redundant.gain(UNIFORM) == pytest.approx(1.967, abs=5e-4)
    assert synergistic.gain(CONTIGUOUS) == pytest.approx(3.841, abs=5e-4)
    assert synergistic.gain(UNIFORM) == pytest.approx(2.023, abs=5e-4)


def test_the_sign_of_the_alignment_decides_one_way_only() -> None:
    """``u'Mu < 0`` implies synergy; ``u'Mu > 0`` does not imply redundancy."""
    M = np.zeros((4, 4))
    M[0, 1] = M[1, 0] = 0.5
    M[2, 3] = M[3, 2] = -0.9
    u = np.array([3.0, 3.0, 1.0, 1.0])  # eigenvalues 0.5 and -0.9, weights 18 and 2
    assert u @ M @ u > 0
    q = whitened(M, u)
    assert interaction_cost(q) < 0
    assert q.gain() > 0.5 * u @ u


@given(SEEDS)
def test_interaction_cost(seed: int) -> None:
    problems = draw_problems(np.random.default_rng(seed), 2)
    for i in range(2):
        q = problems.quadratic(i)
        cost = interaction_cost(q, problems.tuned)
        half = problems.energy_tuned[i] / 2
        allowed = max(1e-9, float(problems.tolerance[i])) * half
        assert abs(half - q.gain(problems.tuned) - cost) <= allowed
        u, M = q.whitened_gradient, q.whitened_coupling
        if u @ M @ u < -1e-6 * (u @ u):
            assert interaction_cost(q) < 0


@given(SEEDS)
def test_isotropic_gain(seed: int) -> None:
    """The mean gain over an orthonormal set of gradients, which has the isotropic mean."""
    problems = draw_problems(np.random.default_rng(seed), 1)
    M = problems.whitened_coupling[0]
    p = len(M)
    basis = np.linalg.qr(np.random.default_rng(seed).standard_normal((p, p)))[0] * np.sqrt(p)
    solved = whitened(M, basis[:, 0]).solve_between(range(p), basis)
    gains = 0.5 * (basis * solved).sum(axis=0)
    assert gains[0] == pytest.approx(whitened(M, basis[:, 0]).gain(), rel=1e-8)
    assert np.isclose(np.mean(gains), float(isotropic_gain(M)), rtol=1e-8)
    assert isotropic_gain(M) >= p / 2 * (1 - 1e-12)


def test_the_average_gain_needs_a_positive_curvature() -> None:
    """On ``H = 11'`` the pseudo-inverse has 0.25 where two uncoupled layers have 1: refused."""
    part = 0.5 * np.trace(np.linalg.pinv(np.ones((2, 2))))
    assert part == pytest.approx(0.25)
    with pytest.raises(InputError, match="not above 0: the gain averaged"):
        isotropic_gain(np.array([[0.0, 1.0], [1.0, 0.0]]))
    # A gradient in the range is another matter: its gain, and the sign of interaction, are exact.
    twin = BlockQuadratic(np.ones(2), np.ones((2, 2)), (1, 1))
    assert twin.gain() == pytest.approx(0.5)
    assert interaction_cost(twin) == pytest.approx(0.5)


def test_marginal_gain_of_what_the_others_have_already() -> None:
    """A layer that repeats another gains nothing, exactly, and raises nothing."""
    J = np.array([[1.0, 2.0, 1.0], [1.0, 2.0, -1.0], [0.0, 0.0, 0.5]])
    q = BlockQuadratic.from_least_squares(J, np.array([1.0, 2.0, 3.0]), (1, 1, 1))
    assert marginal_gain(q, [0], 1) == 0.0
    added = marginal_gain(q, [0, 1], 2)
    assert added == pytest.approx(q.gain() - q.gain([0]), rel=1e-9)


@given(
    st.lists(st.floats(0.1, 10.0), min_size=1, max_size=6),
    st.floats(0.05, 0.95),
    st.integers(0, 5),
    st.floats(0.01, 5.0),
)
def test_spacing(gaps: list[float], decay: float, at: int, wider: float) -> None:
    """Widening a gap helps; at a given span equal gaps are the best."""
    positions = np.concatenate([[0.0], np.cumsum(gaps)])
    gain = spaced_gain(positions, decay)
    even = np.linspace(0.0, positions[-1], len(positions))
    assert gain <= spaced_gain(even, decay) * (1 + 1e-12)
    moved = positions + wider * (np.arange(len(positions)) > at % len(gaps))
    assert gain <= spaced_gain(moved, decay)
    assert np.isclose(spaced_gain(positions[::-1] + 3, decay), gain)


@pytest.mark.parametrize(
    ("positions", "decay", "message"),
    [
        ([], 0.5, "at least one"),
        ([1.0, 1.0], 0.5, r"distinct numbers.*\[1.0, 1.0\]"),
        ([0.0, np.nan], 0.5, "distinct numbers"),
        ([0.0, 1.0], 1.0, "decay must lie above 0 and below 1, not 1.0"),
        ([0.0, 1.0], 0.0, "not 0.0"),
    ],
)
def test_spacing_of_bad_input(positions: list[float], decay: float, message: str) -> None:
    with pytest.raises(InputError, match=message):
        spaced_gain(positions, decay)


# ------------------------------------------------------------------ sections 0, 7


def test_projection_against_least_squares() -> None:
    rng = np.random.default_rng(0)
    J, r = rng.standard_normal((12, 5)), rng.standard_normal(12)
    fit = J @ np.linalg.lstsq(J, r, rcond=None)[0]
    assert np.isclose(projected_gain(J, r), fit @ fit / 2)
    q = BlockQuadratic.from_least_squares(J, r, (2, 3))
    norm = np.linalg.norm(q.whitened_coupling[:2, 2:], 2)
    assert np.isclose(principal_cosine(J[:, :2], J[:, 2:]), norm)


def test_remainder_of_a_nonlinear_adapter() -> None:
    """A product of two layers: the model is exact to second order, and the rest is bounded."""

    def loss(theta: np.ndarray) -> float:
        return 0.5 * (1.0 - (1.0 + theta[0]) * (1.0 + theta[1]) * 0.5) ** 2

    # Gradient and Hessian at 0 of r = 1 - (1+a)(1+b)/2: r = 1/2, dr = -1/2, d2r/dadb = -1/2.
    q = BlockQuadratic(np.array([-0.25, -0.25]), np.array([[0.25, 0.0], [0.0, 0.25]]), (1, 1))
    lengths = np.array([0.4, 0.2, 0.1])
    records = []
    for length in lengths:
        theta = length * np.array([0.8, 0.6])
        records.append(remainder(q, theta, loss(theta) - loss(np.zeros(2))))
    ratios = [record.remainder / record.length**3 for record in records]
    assert np.allclose([record.length for record in records], lengths)
    assert max(ratios) / min(ratios) < 1.3  # third order
    # The Hessian's third derivatives stay below 2 on the path.
    assert all(record.implied_lipschitz < 2 for record in records)


def test_remainder_at_zero_and_of_bad_input() -> None:
    q = BlockQuadratic(np.ones(2), np.eye(2), (1, 1))
    assert remainder(q, np.zeros(2), 0.0).implied_lipschitz == 0.0
    with pytest.raises(InputError, match="realised change of loss is nan"):
        remainder(q, np.ones(2), float("nan"))
    with pytest.raises(InputError, match="theta has length 3"):
        remainder(q, np.ones(3), 0.0)
