"""Proofs by computer algebra: two layers (1a-1d, 11, 12) and the exact spacing (6c).

Each function returns expressions that are zero, or factors that are visibly non-negative; the
tests have SymPy confirm it. Importing this module imports SymPy, so the package does not.
"""

# mypy: disable-error-code=no-untyped-call
from dataclasses import dataclass
from typing import Any

import sympy as sp

Expression = Any  # SymPy's expressions are untyped


@dataclass(frozen=True)
class Slack:
    """A claim ``smaller <= larger`` and the closed form of the difference.

    ``certificate`` is a product of squares and of factors that ``0 < m < 1`` makes positive.
    """

    claim: str
    smaller: Expression
    larger: Expression
    certificate: Expression

    def proved(self) -> bool:
        """Whether the difference is the certificate, as rational functions."""
        return bool(sp.cancel(sp.together(self.larger - self.smaller - self.certificate)) == 0)


def two_layer_slacks() -> tuple[Slack, ...]:
    """1a to 1d for two scalar layers: every slack is a square times a positive factor.

    ``M = [[0, m], [m, 0]]`` with ``rho = m`` in (0, 1); a negative ``m`` is the same problem with
    the sign of one layer's gradient ``y`` changed.

    Examples
    --------
    >>> all(slack.proved() for slack in two_layer_slacks())
    True
    """
    x, y = sp.symbols("x y", real=True)
    m = sp.symbols("m", positive=True)
    u = sp.Matrix([x, y])
    M = sp.Matrix([[0, m], [m, 0]])
    inverse = (sp.eye(2) + M).inv()
    half = sp.Rational(1, 2)
    energy = (u.T * u)[0]
    gain = half * (u.T * inverse * u)[0]
    shift = inverse * M * u
    displacement = (shift.T * shift)[0]
    joint = ((inverse * u).T * (inverse * u))[0]
    separate = half * energy - half * (u.T * M * u)[0]
    together, apart = (x + y) ** 2, (x - y) ** 2
    return (
        Slack(
            "1a, squared: from the separate solution",
            displacement,
            m**2 / (1 - m) ** 2 * energy,
            2 * m**3 * together / (1 - m**2) ** 2,
        ),
        Slack("1a, squared: from the joint solution", displacement, m**2 * joint, 0 * x),
        Slack("1b upper", gain, half * energy / (1 - m), half * m * together / (1 - m**2)),
        Slack("1b lower", half * energy / (1 + m), gain, half * m * apart / (1 - m**2)),
        Slack(
            "1c",
            gain - separate,
            half * m**2 / (1 - m) * energy,
            half * m**3 * together / (1 - m**2),
        ),
        Slack("1d upper", separate, half * (1 + m) * energy, half * m * together),
        Slack("1d lower", half * (1 - m) * energy, separate, half * m * apart),
    )


def two_layer_signed_slacks() -> tuple[Slack, ...]:
    """12a and 12b for two scalar layers of coupling ``m`` in (0, 1), the first tuned.

    The range is ``[-m, m]``: 12a interpolates both ends, so that it is exact.

    Examples
    --------
    >>> all(slack.proved() for slack in two_layer_signed_slacks())
    True
    """
    x, y = sp.symbols("x y", real=True)
    m = sp.symbols("m", positive=True)
    u, half = sp.Matrix([x, y]), sp.Rational(1, 2)
    inverse = (sp.eye(2) + sp.Matrix([[0, m], [m, 0]])).inv()
    energy, product = x**2 + y**2, 2 * m * x * y
    gain = half * (u.T * inverse * u)[0]
    frozen = (inverse * u)[1] ** 2
    forgone = gain - half * x**2
    return (
        Slack("12a", gain, half * (energy - product) / (1 - m**2), 0 * x),
        Slack(
            "12b, squared: the tuned layer moves by m times the frozen one",
            m**2 * frozen,
            m**2 / (1 - m**2) * frozen,
            m**4 * (y - m * x) ** 2 / (1 - m**2) ** 3,
        ),
        Slack(
            "12b: forgone at most",
            forgone,
            half * (1 + m) * frozen,
            half * m * (1 + m) * (y - m * x) ** 2 / (1 - m**2) ** 2,
        ),
        Slack(
            "12b: forgone at least",
            half * (1 - m) * frozen,
            forgone,
            half * m * (1 - m) * (y - m * x) ** 2 / (1 - m**2) ** 2,
        ),
    )


def plane_compensation() -> Slack:
    """12b in the plane of the two ends ``a < b`` of ``I + M``, S at slope ``t`` to the lower end.

    S has ``(a + b t^2) / (1 + t^2)`` of the curvature and ``(b - a) t / (1 + t^2)`` across, so the
    answer is their ratio; it is largest at ``t^2 = a / b``, where S has the harmonic mean.
    """
    a, b, t = sp.symbols("a b t", positive=True)
    answer = (b - a) * t / (a + b * t**2)
    return Slack(
        "12b, squared",
        answer**2,
        (b - a) ** 2 / (4 * a * b),
        (b - a) ** 2 * (a - b * t**2) ** 2 / (4 * a * b * (a + b * t**2) ** 2),
    )


def ridged_coupling() -> tuple[Expression, Expression]:
    """11a for two scalar layers, squared: ``rho(nu)^2`` and ``rho(nu_0)^2 t_1 t_2``, equal."""
    first, second, across, before, after = sp.symbols("f g e mu nu", positive=True)
    rho = across**2 / ((first + before) * (second + before))
    shares = [(own + before) / (own + after) for own in (first, second)]
    return across**2 / ((first + after) * (second + after)), rho * shares[0] * shares[1]


def certain_determinant(layers: int) -> tuple[Expression, Expression]:
    """11b: ``det(I + diag t - sqrt t sqrt t')`` and its factors, ``t = lam / (lam + nu)``.

    The last factor is ``1 - sum lam / (2 lam + nu)``: it is what vanishes first as ``nu`` falls.
    """
    lam = sp.symbols(f"lam1:{layers + 1}", positive=True)
    nu = sp.symbols("nu", positive=True)
    shares = [own / (own + nu) for own in lam]
    root = sp.Matrix([sp.sqrt(t) for t in shares])
    matrix = sp.eye(layers) + sp.diag(*shares) - root * root.T
    factors = sp.prod([1 + t for t in shares]) * (1 - sum(own / (2 * own + nu) for own in lam))
    return matrix.det(method="berkowitz"), factors


def spacing_gain(layers: int) -> tuple[Expression, Expression]:
    """6c with symbolic gaps: twice the gain by inversion, and ``1 + sum (1 - r_i) / (1 + r_i)``.

    ``r_i = a^{d_i}`` is the coupling of neighbours; the coupling of others is the product between.
    """
    r = sp.symbols(f"r1:{layers}", positive=True)
    M = sp.Matrix(layers, layers, lambda i, j: sp.prod(r[min(i, j) : max(i, j)]))
    ones = sp.ones(layers, 1)
    return (ones.T * M.LUsolve(ones))[0], 1 + sum((1 - ri) / (1 + ri) for ri in r)


def spacing_step() -> tuple[Expression, Expression]:
    """6c, the induction step: what a layer adds at gap ``d`` beyond the last one.

    Its couplings to the others are ``r`` times those of the last layer, so ``M_jS M_SS^{-1} = r
    e'`` for any number of layers: by 5c the surprise is ``1 - r``, the Schur complement
    ``1 - r^2``.
    """
    r = sp.symbols("r", positive=True)
    return (1 - r) ** 2 / (1 - r**2), (1 - r) / (1 + r)


def spacing_as_tanh() -> tuple[Expression, Expression]:
    """6c: ``(1 - a^d) / (1 + a^d) = tanh(d ln(1/a) / 2)``, with ``t = d ln(1/a)``."""
    t = sp.symbols("t", positive=True)
    return (1 - sp.exp(-t)) / (1 + sp.exp(-t)), sp.tanh(t / 2).rewrite(sp.exp)


def spacing_shape() -> tuple[Expression, Expression]:
    """6c: first and second derivative of ``tanh(t / 2)`` for ``t > 0``: positive, negative.

    Increasing: a wider gap helps. Concave: by Jensen, at a given span equal gaps are the best.
    """
    t = sp.symbols("t", positive=True)
    gain = sp.tanh(t / 2)
    return sp.diff(gain, t), sp.diff(gain, t, 2)
