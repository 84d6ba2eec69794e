"""The identities in rational arithmetic, on small integer matrices, with no tolerance."""

from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from theory import BlockQuadratic, marginal_gain, spaced_gain

Vector = list[Fraction]
Matrix = list[list[Fraction]]


def times(A: Matrix, x: Vector) -> Vector:
    return [sum((a * b for a, b in zip(row, x, strict=True)), Fraction(0)) for row in A]


def dot(x: Vector, y: Vector) -> Fraction:
    return sum((a * b for a, b in zip(x, y, strict=True)), Fraction(0))


def solve(A: Matrix, b: Vector) -> Vector:
    """Gaussian elimination; A is positive definite, so no pivot vanishes."""
    n = len(A)
    rows = [[*row, value] for row, value in zip(A, b, strict=True)]
    for k in range(n):
        for i in range(n):
            if i != k:
                factor = rows[i][k] / rows[k][k]
                rows[i] = [a - factor * c for a, c in zip(rows[i], rows[k], strict=True)]
    return [rows[i][n] / rows[i][i] for i in range(n)]


def part(A: Matrix, rows: list[int], columns: list[int]) -> Matrix:
    return [[A[i][j] for j in columns] for i in rows]


@st.composite
def problems(draw: st.DrawFn) -> tuple[Matrix, Vector, list[int]]:
    """``H = A'A + I`` and ``g`` with small integers, and the sizes of two or three layers."""
    sizes = draw(st.lists(st.integers(1, 2), min_size=2, max_size=3))
    p = sum(sizes)
    entry = st.integers(-3, 3)
    A = draw(st.lists(st.lists(entry, min_size=p, max_size=p), min_size=p, max_size=p))
    H = [[Fraction(sum(r[i] * r[j] for r in A) + (i == j)) for j in range(p)] for i in range(p)]
    g = [Fraction(value) for value in draw(st.lists(entry, min_size=p, max_size=p))]
    return H, g, sizes


def split(H: Matrix, sizes: list[int]) -> tuple[Matrix, Matrix, list[list[int]]]:
    """D, E and the coordinates of each layer."""
    ends = [sum(sizes[: k + 1]) for k in range(len(sizes))]
    layers = [list(range(end - size, end)) for end, size in zip(ends, sizes, strict=True)]
    owner = {i: k for k, layer in enumerate(layers) for i in layer}
    p = len(H)
    D = [[H[i][j] if owner[i] == owner[j] else Fraction(0) for j in range(p)] for i in range(p)]
    E = [[H[i][j] - D[i][j] for j in range(p)] for i in range(p)]
    return D, E, layers


def value(H: Matrix, g: Vector, theta: Vector) -> Fraction:
    return dot(g, theta) + dot(theta, times(H, theta)) / 2


@given(problems())
def test_gain_and_excess(problem: tuple[Matrix, Vector, list[int]]) -> None:
    H, g, sizes = problem
    D, E, _ = split(H, sizes)
    joint = [-x for x in solve(H, g)]
    separate = [-x for x in solve(D, g)]
    energy = dot(g, solve(D, g))
    assert -value(H, g, joint) == dot(g, solve(H, g)) / 2
    shift = [a - b for a, b in zip(joint, separate, strict=True)]
    assert shift == solve(H, [-x for x in times(E, separate)])
    assert value(H, g, separate) - value(H, g, joint) == dot(shift, times(H, shift)) / 2
    # 1d
    assert -value(H, g, separate) == (energy - dot(separate, times(E, separate))) / 2
    # 6b
    answer = times(E, joint)
    overlap = dot(joint, answer) + dot(answer, solve(D, answer))
    assert energy / 2 + value(H, g, joint) == overlap / 2


@given(problems())
def test_function_additivity(problem: tuple[Matrix, Vector, list[int]]) -> None:
    K, J, sizes = problem
    _, E, layers = split(K, sizes)
    theta = [Fraction(i + 1, 3) for i in range(len(J))]
    alone = Fraction(0)
    for layer in layers:
        own = [x if i in layer else Fraction(0) for i, x in enumerate(theta)]
        alone += value(K, J, own)
    assert value(K, J, theta) - alone == dot(theta, times(E, theta)) / 2


@given(problems())
def test_selective_compensation(problem: tuple[Matrix, Vector, list[int]]) -> None:
    H, g, sizes = problem
    _, _, layers = split(H, sizes)
    S = layers[0]
    T = [i for layer in layers[1:] for i in layer]
    joint = [-x for x in solve(H, g)]
    joint_T = [joint[i] for i in T]
    HSS, HST, HTS, HTT = (part(H, a, b) for a, b in ((S, S), (S, T), (T, S), (T, T)))
    alone = [-x for x in solve(HSS, [g[i] for i in S])]
    answer = solve(HSS, times(HST, joint_T))
    assert alone == [joint[i] + x for i, x in zip(S, answer, strict=True)]
    # 5b
    gain_S = dot([g[i] for i in S], solve(HSS, [g[i] for i in S])) / 2
    forgone = dot(joint_T, times(HTT, joint_T)) - dot(joint_T, times(HTS, answer))
    assert dot(g, solve(H, g)) / 2 - gain_S == forgone / 2
    # 5c, in the original coordinates
    j = layers[1]
    both = S + j
    gain_both = dot([g[i] for i in both], solve(part(H, both, both), [g[i] for i in both])) / 2
    HjS = part(H, j, S)
    seen = times(HjS, solve(HSS, [g[i] for i in S]))
    w = [g[i] - x for i, x in zip(j, seen, strict=True)]
    columns = [solve(HSS, [H[i][k] for i in S]) for k in j]
    schur = [[H[a][b] - dot([H[a][i] for i in S], columns[n]) for n, b in enumerate(j)] for a in j]
    assert gain_both - gain_S == dot(w, solve(schur, w)) / 2


@given(problems())
def test_the_library_agrees_with_exact_arithmetic(
    problem: tuple[Matrix, Vector, list[int]],
) -> None:
    H, g, sizes = problem
    matrix, vector = np.array(H, dtype=np.float64), np.array(g, dtype=np.float64)
    quadratic = BlockQuadratic(vector, matrix, tuple(sizes))
    tolerance = 64 * np.finfo(float).eps * float(np.linalg.cond(matrix))
    exact = float(dot(g, solve(H, g)) / 2)
    assert abs(quadratic.gain() - exact) <= tolerance * exact
    S = list(range(sizes[0]))
    both = list(range(sizes[0] + sizes[1]))
    gains = [
        dot([g[i] for i in at], solve(part(H, at, at), [g[i] for i in at])) / 2 for at in (S, both)
    ]
    marginal = float(gains[1] - gains[0])
    assert abs(marginal_gain(quadratic, [0], 1) - marginal) <= tolerance * max(exact, 1e-300)


@given(
    st.lists(st.integers(1, 4), min_size=0, max_size=4),
    st.fractions(min_value=Fraction(1, 10), max_value=Fraction(9, 10), max_denominator=10),
)
def test_spacing(gaps: list[int], decay: Fraction) -> None:
    positions = [sum(gaps[:k]) for k in range(len(gaps) + 1)]
    M = [[decay ** abs(p - q) for q in positions] for p in positions]
    ones = [Fraction(1)] * len(positions)
    twice = dot(ones, solve(M, ones))
    assert twice == 1 + sum((1 - decay**d) / (1 + decay**d) for d in gaps)
    assert abs(spaced_gain(positions, float(decay)) - float(twice) / 2) < 1e-13 * float(twice)
