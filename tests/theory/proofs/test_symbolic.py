"""SymPy confirms the proofs of two layers (1a-1d, 11, 12) and of the exact spacing (6c)."""

from dataclasses import replace

import pytest
import sympy as sp

from theory.proofs import symbolic

SLACKS = (*symbolic.two_layer_slacks(), *symbolic.two_layer_signed_slacks())


@pytest.mark.parametrize("slack", SLACKS, ids=lambda slack: slack.claim)
def test_two_layers(slack: symbolic.Slack) -> None:
    assert slack.proved()
    m = sp.Symbol("m", positive=True)
    x, y = sp.symbols("x y", real=True)
    for part in sp.Mul.make_args(sp.factor(slack.certificate)):
        # Each factor is a square, a power of m, or positive for 0 < m < 1.
        free = part.free_symbols
        if x in free or y in free:
            assert part.as_base_exp()[1] == 2
        elif free:
            signs = {bool(part.subs(m, sp.Rational(k, 10)) > 0) for k in range(1, 10)}
            assert len(signs) == 1
    inside = {m: sp.Rational(1, 3), x: sp.Rational(2), y: sp.Rational(-5)}
    assert sp.sympify(slack.certificate).subs(inside) >= 0


def test_a_wrong_certificate_is_refused() -> None:
    slack = symbolic.two_layer_slacks()[2]
    assert not replace(slack, larger=slack.larger * sp.Rational(99, 100)).proved()


def test_the_largest_answer_in_a_plane() -> None:
    slack = symbolic.plane_compensation()
    assert slack.proved()
    assert not replace(slack, larger=slack.larger * sp.Rational(99, 100)).proved()
    a, b, t = sp.symbols("a b t", positive=True)
    assert sp.simplify(slack.certificate.subs(t, sp.sqrt(a / b))) == 0


def test_a_ridge_scales_the_coupling_of_two_layers() -> None:
    direct, formula = symbolic.ridged_coupling()
    assert sp.cancel(direct - formula) == 0


@pytest.mark.parametrize("layers", [2, 3, 4])
def test_the_certain_ridge_is_a_root_of_the_determinant(layers: int) -> None:
    direct, formula = symbolic.certain_determinant(layers)
    assert sp.cancel(sp.together(direct - formula)) == 0


@pytest.mark.parametrize("layers", [1, 2, 3, 4, 5])
def test_spacing_closed_form(layers: int) -> None:
    direct, formula = symbolic.spacing_gain(layers)
    assert sp.cancel(sp.together(direct - formula)) == 0


def test_spacing_induction_step() -> None:
    added, formula = symbolic.spacing_step()
    assert sp.cancel(added - formula) == 0


def test_spacing_is_tanh() -> None:
    ratio, tanh = symbolic.spacing_as_tanh()
    assert sp.simplify(ratio - tanh) == 0


def test_tanh_is_increasing_and_concave() -> None:
    t = sp.Symbol("t", positive=True)
    slope, bend = symbolic.spacing_shape()
    s = sp.Symbol("s", positive=True)  # s = tanh(t / 2), between 0 and 1
    assert sp.expand(slope.subs(sp.tanh(t / 2), s) - (1 - s**2) / 2) == 0
    assert sp.expand(bend.subs(sp.tanh(t / 2), s) + s * (1 - s**2) / 2) == 0
