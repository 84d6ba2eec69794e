"""Searches of one size against trying every set, over shapes, coupling and singular curvature."""

import itertools
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theory import BlockQuadratic, InputError, exact_search, greedy, top_k

SHAPES = [(1,) * 7, (2,) * 6, (3, 1, 2, 4, 1), (1, 1), (5,)]


def best_by_trial(quadratic: BlockQuadratic, size: int) -> tuple[float, tuple[int, ...]]:
    """Largest gain, and the first set within 1e-9 of it."""
    sets = list(itertools.combinations(range(quadratic.layers), size))
    gains = [quadratic.gain(s) for s in sets]
    best = max(gains)
    return best, next(s for s, g in zip(sets, gains, strict=True) if g >= best * (1 - 1e-9))


def check_placement(quadratic: BlockQuadratic, placement, size: int, best: float) -> None:
    """The protocol of every search: a sorted set, its true gain, and a guarantee that holds."""
    assert placement.layers == tuple(sorted(set(placement.layers)))
    assert len(placement.layers) == size
    assert placement.gain == pytest.approx(quadratic.gain(placement.layers), rel=1e-12)
    assert placement.cost == size
    assert placement.gain >= placement.guarantee.fraction * best * (1 - 1e-9)
    assert placement.gain >= placement.guarantee.paper_fraction * best * (1 - 1e-9)
    assert placement.guarantee.best_gain_at_most >= best * (1 - 1e-9)


@pytest.mark.parametrize("sizes", SHAPES)
@pytest.mark.parametrize("strength", [0.0, 0.3, 3.0])
@pytest.mark.parametrize("sign", [1, -1])
def test_searches(make, sizes, strength: float, sign: int) -> None:
    quadratic = make(len(sizes), sizes, strength, sign)
    for size in range(1, len(sizes) + 1):
        best, first = best_by_trial(quadratic, size)
        exact = exact_search(quadratic, size)
        assert exact.gain == pytest.approx(best, rel=1e-10)
        assert exact.layers == first
        for placement in (exact, greedy(quadratic, size), top_k(quadratic, size)):
            check_placement(quadratic, placement, size, best)


@pytest.mark.parametrize("sizes", [(1,) * 6, (2, 3, 1, 2)])
@pytest.mark.parametrize("rank", [2, 4])
def test_singular_curvature(make, sizes, rank: int) -> None:
    """Fewer samples than coordinates: pseudo-inverses, a reason, and still the best set."""
    quadratic = make(1, sizes, 1.0, -1, rank)
    assert quadratic.reasons
    for size in range(1, len(sizes)):
        best, _ = best_by_trial(quadratic, size)
        exact = exact_search(quadratic, size)
        assert exact.gain == pytest.approx(best, rel=1e-6)
        assert np.isfinite(greedy(quadratic, size).gain)


def test_batches_and_splits_agree(make, monkeypatch: pytest.MonkeyPatch) -> None:
    """However few sets are enumerated together, the result is the same."""
    quadratic = make(2, (2,) * 8, 1.0)
    whole = [exact_search(quadratic, size).layers for size in range(1, 7)]
    monkeypatch.setattr(sys.modules["theory.choice.exact_search"], "BATCH", 0)
    assert [exact_search(quadratic, size).layers for size in range(1, 7)] == whole


@given(seed=st.integers(0, 2**32 - 1), size=st.integers(1, 4))
def test_greedy_is_the_definition(seed: int, size: int) -> None:
    rng = np.random.default_rng(seed)
    J = rng.standard_normal((20, 10))
    quadratic = BlockQuadratic(rng.standard_normal(10), J.T @ J, (2,) * 5)
    chosen: list[int] = []
    for _ in range(size):
        rest = [layer for layer in range(5) if layer not in chosen]
        chosen.append(max(rest, key=lambda layer: quadratic.gain([*chosen, layer])))
    assert greedy(quadratic, size).layers == tuple(sorted(chosen))


def test_gain_does_not_depend_on_the_scale(make) -> None:
    quadratic = make(3, (2,) * 6, 1.0)
    for s, t in [(1e-6, 1.0), (1.0, 1e8), (1e5, 1e-5)]:
        other = BlockQuadratic(s * quadratic.gradient, t * quadratic.curvature, quadratic.sizes)
        for search in (exact_search, greedy, top_k):
            assert search(other, 3).layers == search(quadratic, 3).layers
            scaled = s**2 / t * search(quadratic, 3).gain
            assert search(other, 3).gain == pytest.approx(scaled, rel=1e-9)


def test_candidates_limit_the_choice(make) -> None:
    quadratic = make(4, (1,) * 7, 0.5)
    allowed = [6, 1, 3]
    for search in (exact_search, greedy, top_k):
        assert set(search(quadratic, 2, candidates=allowed).layers) <= set(allowed)
        assert search(quadratic, 3, candidates=allowed).layers == (1, 3, 6)
    part = quadratic.restrict([1, 3, 6])
    inner = exact_search(part, 2).layers
    assert exact_search(quadratic, 2, candidates=allowed).layers == tuple(
        (1, 3, 6)[i] for i in inner
    )


@pytest.mark.parametrize("search", [exact_search, greedy, top_k])
def test_ties_go_to_the_lower_layers(search) -> None:
    quadratic = BlockQuadratic(np.ones(6), np.eye(6), (1,) * 6)
    assert search(quadratic, 3).layers == (0, 1, 2)
    assert search(quadratic, 2, candidates=[5, 4, 2]).layers == (2, 4)


@pytest.mark.parametrize("search", [exact_search, greedy, top_k])
def test_nothing_to_gain(search) -> None:
    quadratic = BlockQuadratic(np.zeros(4), np.eye(4), (1,) * 4)
    placement = search(quadratic, 2)
    assert (placement.layers, placement.gain) == ((0, 1), 0.0)


def test_the_bound_must_use_conditional_residuals() -> None:
    """8c with unconditional ``Res_j`` on top of ``G(P)`` would prune the best set.

    Layer 1 has no residual of its own, yet adds to layer 0: ``G(P) + Res_1^2 / 2(1+mu_min)`` is
    ``G(P)``, below the gain of both.
    """
    H = np.array([[1.0, -0.8], [-0.8, 1.0]])
    quadratic = BlockQuadratic(np.array([1.0, 0.0]), H, (1, 1))
    unconditional = quadratic.gain([0]) + quadratic.residual_norms[1] ** 2 / 2 / 0.2
    assert quadratic.gain() > 2 * unconditional
    assert exact_search(quadratic, 2).gain == pytest.approx(quadratic.gain(), rel=1e-12)


def test_void_guarantees_are_named() -> None:
    redundant = BlockQuadratic(np.ones(4), np.full((4, 4), 0.9) + 0.1 * np.eye(4), (1,) * 4)
    text = greedy(redundant, 2).guarantee
    assert text.paper_fraction == 0.0
    assert "void, since rho = 2.7 is not below 1" in text.statement
    H = np.array([[1.0, -0.9999], [-0.9999, 1.0]])
    weak = top_k(BlockQuadratic(np.ones(2), H, (1, 1)), 1).guarantee
    assert "void in practice" in weak.statement
    assert "the paper's form gives 0.0%" in weak.statement
    exact = exact_search(redundant, 2).guarantee
    assert (exact.fraction, exact.paper_fraction) == (1.0, 1.0)


@pytest.mark.parametrize("search", [exact_search, greedy, top_k])
@pytest.mark.parametrize(
    ("size", "candidates", "message"),
    [
        (0, None, "cannot choose 0 of 3"),
        (4, None, "cannot choose 4 of 3 candidate layers"),
        (3, [0, 1], "cannot choose 3 of 2"),
        (1, [], "the set of layers is empty"),
        (1, [0, 0], "name a layer twice"),
        (1, [3], "out of range"),
    ],
)
def test_bad_input(search, size, candidates, message: str) -> None:
    quadratic = BlockQuadratic(np.ones(3), np.eye(3), (1,) * 3)
    with pytest.raises(InputError, match=message):
        search(quadratic, size, candidates=candidates)


def test_a_wrong_placement_fails_the_protocol(make) -> None:
    """Negative control."""
    quadratic = make(5, (1,) * 5, 0.1)
    best, _ = best_by_trial(quadratic, 2)
    placement = exact_search(quadratic, 2)
    worse = type(placement)((0,), placement.gain, placement.cost, placement.guarantee)
    with pytest.raises(AssertionError):
        check_placement(quadratic, worse, 2, best)
    with pytest.raises(AssertionError):
        check_placement(quadratic, placement, 2, 1.01 * best)


def test_the_guarantee_is_the_best_result_at_hand() -> None:
    """Fraction and bound from their definitions, where 10a is exact and where 12f is all there is.

    Without coupling the bound is the best gain itself. Two layers that gain four times as much
    together, one of them to choose: both results give 1 + mu_min.
    """
    apart = BlockQuadratic(np.array([3.0, 1.0, 2.0, 0.5]), np.eye(4), (1,) * 4)
    for search in (greedy, top_k):
        known = search(apart, 2).guarantee
        assert (known.fraction, known.paper_fraction) == (
            pytest.approx(1.0, rel=1e-12),
            pytest.approx({greedy: 1 - np.exp(-1.0), top_k: 1.0}[search], rel=1e-12),
        )
        assert known.best_gain_at_most == pytest.approx(6.5, rel=1e-12)
        assert "the paper's form gives" in known.statement
    H = np.array([[1.0, -0.5], [-0.5, 1.0]])
    pair = BlockQuadratic(np.ones(2), H, (1, 1))
    for search, paper in ((greedy, 1 - np.exp(-0.5)), (top_k, 0.5 / 1.5)):
        known = search(pair, 1).guarantee
        assert known.fraction == pytest.approx(0.5, rel=1e-6)
        assert known.paper_fraction == pytest.approx(paper, rel=1e-12)
        assert known.best_gain_at_most == pytest.approx(1.0, rel=1e-6)
    whole = greedy(pair, 2).guarantee
    assert whole.best_gain_at_most == pytest.approx(pair.gain(), rel=1e-12)


def test_the_certificate_decides_where_the_promise_is_void(make) -> None:
    """At strong coupling the rule promises next to nothing and the certificate most."""
    rng = np.random.default_rng(0)
    scale = np.exp(rng.standard_normal(12))
    J = (rng.standard_normal((6, 12)) + 2.0 * rng.standard_normal((6, 1))) * scale
    quadratic = BlockQuadratic(J.T @ rng.standard_normal(6), J.T @ J + 0.1 * np.eye(12), (1,) * 12)
    assert quadratic.coupling > 3
    for search in (greedy, top_k):
        found = search(quadratic, 4)
        best, _ = best_by_trial(quadratic, 4)
        known = found.guarantee
        assert known.fraction == pytest.approx(found.gain / known.best_gain_at_most)
        assert known.best_gain_at_most >= best * (1 - 1e-9)
        assert "by its certificate (10a)" in known.statement
    assert greedy(quadratic, 4).guarantee.fraction > 0.75


def test_the_rule_s_own_promise_is_told_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no bound is at hand but the gain of all, 12f is the better and is named."""
    placement = sys.modules["theory.choice.placement"]
    monkeypatch.setattr(placement, "best_gain_bound", lambda *a: 100.0)
    quadratic = BlockQuadratic(np.ones(4), np.eye(4) * 0.8 + 0.2, (1,) * 4)
    known = greedy(quadratic, 2).guarantee
    share = 1 - (1 - 0.8 / 2) ** 2
    assert known.fraction == pytest.approx(share, rel=1e-9)
    assert f"greedy (12f): at least {share:.1%} of the best gain, by the signed range" in (
        known.statement
    )
    norms = top_k(quadratic, 2).guarantee
    assert norms.fraction == pytest.approx(0.8 / 1.6, rel=1e-9)
    assert "largest residual norms (8b): at least 50.0%" in norms.statement


@pytest.mark.parametrize("search", [exact_search, greedy, top_k])
@pytest.mark.parametrize("size", [True, np.int64(2)])
def test_sizes_are_whole_numbers(search, size) -> None:
    quadratic = BlockQuadratic(np.ones(3), np.eye(3), (1,) * 3)
    if isinstance(size, bool):
        with pytest.raises(InputError, match="whole number between 1 and 3"):
            search(quadratic, size)
    else:
        assert search(quadratic, int(size)).layers == (0, 1)
    with pytest.raises(InputError, match="must be whole numbers"):
        search(quadratic, 2, candidates=[True, False, True])
