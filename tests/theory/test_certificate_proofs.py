"""SymPy confirms the identities behind 10a to 10c, for two scalar layers and every split."""

import pytest
import sympy as sp

a, b, c, g1, g2, y1, y2, t1, t2 = sp.symbols("a b c g1 g2 y1 y2 t1 t2", real=True)
n1, n2, z1, z2 = sp.symbols("n1 n2 z1 z2", positive=True)
HALF = sp.Rational(1, 2)
R = sp.Matrix([[a, c], [c, b]])
N = sp.diag(n1, n2)
Z = sp.diag(z1, z2)
g = sp.Matrix([g1, g2])
y = sp.Matrix([y1, y2])
theta = sp.Matrix([t1, t2])


def scalar(matrix: sp.Matrix) -> sp.Expr:
    return matrix[0]


def is_zero(expression: sp.Expr) -> bool:
    return bool(sp.cancel(sp.together(expression)) == 0)


def relaxed_gain() -> sp.Expr:
    return HALF * scalar(g.T * (R + N * Z.inv()).inv() * g)


def residual() -> sp.Matrix:
    """``r = g + R y`` at ``y = -(R + N/z)^{-1} g``."""
    return g - R * (R + N * Z.inv()).inv() * g


@pytest.mark.parametrize("chosen", [(0, 1), (0,), (1,)])
def test_dual_certificate(chosen: tuple[int, ...]) -> None:
    """10a: bound minus value is two squares, one in the metric of R and one in that of N."""
    point = sp.Matrix([theta[i] if i in chosen else 0 for i in range(2)])
    value = scalar(g.T * point) + HALF * scalar(point.T * (N + R) * point)
    r = g + R * y
    bound = HALF * scalar(y.T * R * y) + HALF * sum(r[i] ** 2 / N[i, i] for i in chosen)
    missed = sum((N[i, i] * point[i] + r[i]) ** 2 / N[i, i] for i in chosen)
    apart = scalar((point - y).T * R * (point - y))
    assert is_zero(bound + value - HALF * (missed + apart))
    assert not is_zero(bound + value - HALF * missed)  # negative control


def test_prices_are_slopes() -> None:
    """10b: ``dG/dz_l = r_l^2 / (2 N_l)``."""
    r = residual()
    for z, n, own in ((z1, n1, r[0]), (z2, n2, r[1])):
        assert is_zero(sp.diff(relaxed_gain(), z) - HALF * own**2 / n)


def test_the_relaxed_gain_is_concave() -> None:
    """10b: the Hessian is ``-V'(R^{-1} + Z N^{-1})^{-1}V`` with ``V = diag(r_l / N_l)``."""
    r = residual()
    V = sp.diag(r[0] / n1, r[1] / n2)
    S = V * (R.inv() + Z * N.inv()).inv() * V
    for i, first in enumerate((z1, z2)):
        for j, second in enumerate((z1, z2)):
            assert is_zero(sp.diff(relaxed_gain(), first, second) + S[i, j])


def test_the_bound_is_the_relaxed_gain_where_prices_are_used_up() -> None:
    """10b: ``G(z) = y'Ry / 2 + sum z_l price_l``: the gap of 10a is that of a linear programme."""
    r, point = residual(), -(R + N * Z.inv()).inv() * g
    energy = HALF * scalar(point.T * R * point)
    prices = z1 * HALF * r[0] ** 2 / n1 + z2 * HALF * r[1] ** 2 / n2
    assert is_zero(relaxed_gain() - energy - prices)
