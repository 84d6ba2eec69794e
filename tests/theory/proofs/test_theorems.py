"""Every theorem is a triad: it holds, its constants are attained, its assumptions are needed."""

import re

import numpy as np
import pytest

import theory
from theory import THEOREMS, Bound, Theorem, Verification
from theory.proofs.problems.quadratic import Problems, draw_problems
from theory.proofs.theorem import Assumption

EVERY = pytest.mark.parametrize("theorem", THEOREMS.values(), ids=THEOREMS.keys())


def verify(theorem: Theorem, chunks: int, size: int) -> Verification:
    rng = np.random.default_rng(20)
    outcome = theorem.check(theorem.draw(rng, size))
    for _ in range(chunks - 1):
        outcome += theorem.check(theorem.draw(rng, size))
    return outcome


def check_tight(theorem: Theorem) -> None:
    """Every bound is attained by some problem of the tight example, and none is violated."""
    example = theorem.tight_example()
    assert theorem.admits(example).all()
    assert theorem.check(example).violations == 0
    for bound, comparison in zip(theorem.bounds, theorem.compare(example), strict=True):
        gap = abs(comparison.ratio.max() - 1)
        assert gap <= bound.closeness, f"{bound.label} is not attained: off by {gap}"


@EVERY
def test_holds(theorem: Theorem) -> None:
    outcome = verify(theorem, chunks=6, size=60)
    assert outcome.problems >= 100
    assert outcome.violations == 0


@EVERY
def test_tight(theorem: Theorem) -> None:
    check_tight(theorem)


@EVERY
def test_needed(theorem: Theorem) -> None:
    example = theorem.violated_example()
    outcome = theorem.check(example, assume=False)
    assert outcome.problems > 0
    assert outcome.violations == outcome.problems, "some problem breaks no bound"
    assert not theorem.admits(example).any()
    assert theorem.check(example).problems == 0


@EVERY
def test_described(theorem: Theorem) -> None:
    assert theorem.provenance in ("paper", "reconstruction", "extension")
    assert theorem.title
    assert theorem.statement.count("{") == theorem.statement.count("}")
    assert theorem.assumptions
    assert all(assumption.text for assumption in theorem.assumptions)
    assert len({bound.label for bound in theorem.bounds}) == len(theorem.bounds) > 0
    assert all(re.match(r"\w", name) for name in theorem.functions)
    for name in theorem.functions:
        found = theory
        for part in name.split("."):
            found = getattr(found, part)
        assert callable(found)


def test_order() -> None:
    ids = list(THEOREMS)
    assert ids.index("1a") < ids.index("2") < ids.index("5a") < ids.index("7")


# ------------------------------------------------------------------ controls of the helpers


def _claim(formula, side="upper", **changes) -> Theorem:
    fields = {
        "id": "x",
        "title": "t",
        "provenance": "extension",
        "statement": "s",
        "assumptions": (Assumption("any", lambda p: np.ones(len(p.gradient), dtype=bool)),),
        "bounds": (Bound("b", side, lambda p: p.gain, formula, lambda p: (p.energy,)),),
        "tight_example": lambda: Problems.from_whitened(np.zeros((2, 2)), [1.0, 2.0]),
        "violated_example": lambda: Problems.from_whitened([[0.0, 0.5], [0.5, 0.0]], [1.0, 1.0]),
        "draw": draw_problems,
    }
    return Theorem(**(fields | changes))


def test_a_false_claim_is_caught() -> None:
    assert verify(_claim(lambda energy: 0.5 * energy), 2, 50).violations > 0
    assert verify(_claim(lambda energy: 0.5 * energy, "equal"), 2, 50).violations > 0


def test_not_a_number_is_a_violation() -> None:
    assert verify(_claim(lambda energy: energy * np.nan), 1, 20).violations == 20


def test_a_loose_claim_is_not_tight() -> None:
    check_tight(_claim(lambda energy: 0.5 * energy))
    with pytest.raises(AssertionError, match="not attained"):
        check_tight(_claim(lambda energy: 0.51 * energy))


def test_skipped_problems_are_counted() -> None:
    problems = draw_problems(np.random.default_rng(0), 64)
    outcome = THEOREMS["1b"].check(problems)
    assert outcome.skipped == (problems.rho >= 1).sum() > 0
    assert outcome.problems + outcome.skipped == 64


def test_outcomes_of_two_theorems_do_not_add() -> None:
    one, other = verify(THEOREMS["1a"], 1, 8), verify(THEOREMS["1b"], 1, 8)
    with pytest.raises(ValueError, match="1a and 1b"):
        one + other


def test_the_draw_is_that_of_trained_models() -> None:
    """Half of the problems and more are strongly coupled; the rest spans what the paper assumes."""
    rng = np.random.default_rng(0)
    batches = [draw_problems(rng, 50) for _ in range(40)]
    rho = np.concatenate([p.rho for p in batches])
    floor = np.concatenate([1 + p.coupling_range[0] for p in batches])
    assert (rho >= 1).mean() >= 0.5
    assert (rho >= 9).mean() >= 0.15
    assert rho.max() > 25
    assert (floor < 0.1).mean() >= 0.5
    assert floor.min() < 2e-4
    assert rho.min() < 0.01
    assert ((rho > 0.99) & (rho < 1)).mean() > 0.02
    assert (rho < 0.9).mean() > 0.2
    assert all(p.positive.all() for p in batches)
    assert np.mean([len(p.tuned) == 1 for p in batches]) <= 0.15
    condition = np.concatenate([p.blocks_range[1] / p.blocks_range[0] for p in batches])
    assert condition.min() < 10
    assert condition.max() > 1e4
    assert len({p.sizes for p in batches}) > 10
    sign = np.concatenate([(0.5 * p.energy - p.gain) / p.energy for p in batches])
    assert sign.min() < -0.1
    assert sign.max() > 0.1
    # What counts as rounding stays far below what a wrong constant would change.
    assert np.concatenate([p.tolerance for p in batches]).max() < 1e-4


def test_kinds_of_problems_have_names_of_their_own() -> None:
    """Random streams are keyed by these names: a new path or module leaves the problems alone."""
    kinds = {(theorem.draw.kind, id(theorem.draw)) for theorem in THEOREMS.values()}
    names = [kind for kind, _ in kinds]
    assert len(set(names)) == len(names)
    assert THEOREMS["1b"].draw.kind == "quadratics"
    assert all("." not in name and "_" not in name for name in names)
