"""Proofs by computer algebra: two layers (1a-1d) and the exact spacing (6c).

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
