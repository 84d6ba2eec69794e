"""A wrong constant in any formula of the library is noticed by its theorem's tight example.

The mutants are made from the very functions that users call: from their values (1% off), from
their source (a lost factor 1/2) and from their arguments (``rho`` and ``1 - rho`` swapped).
"""

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator

import pytest

from theory import THEOREMS, Theorem
from theory.proofs.theorem import Bound

SWAPPED = ("rho", "rho_tuned")


class _DropHalf(ast.NodeTransformer):
    """Drops the ``target``-th factor 1/2 (``0.5 * x`` or ``x / 2``) in order of appearance."""

    def __init__(self, target: int) -> None:
        self.target, self.seen = target, 0

    def _hit(self) -> bool:
        self.seen += 1
        return self.seen - 1 == self.target

    def visit_Constant(self, node: ast.Constant) -> ast.Constant:
        return ast.Constant(1.0) if node.value == 0.5 and self._hit() else node

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        two = isinstance(node.right, ast.Constant) and node.right.value == 2
        return node.left if two and isinstance(node.op, ast.Div) and self._hit() else node


def without_a_half(formula: Callable) -> Iterator[Callable]:
    """Every copy of ``formula`` in which one factor 1/2 is missing."""
    plain = inspect.unwrap(formula)
    source = textwrap.dedent(inspect.getsource(plain))
    target = 0
    while True:
        drop = _DropHalf(target)
        tree = ast.fix_missing_locations(drop.visit(ast.parse(source)))
        if drop.seen <= target:
            return
        namespace = dict(plain.__globals__)
        exec(compile(tree, "<mutant>", "exec"), namespace)
        yield namespace[plain.__name__]
        target += 1


def swapped(formula: Callable) -> Iterator[Callable]:
    """Every copy of ``formula`` in which one coupling ``rho`` is taken for ``1 - rho``."""
    names = list(inspect.signature(formula).parameters)
    for at in [i for i, name in enumerate(names) if name in SWAPPED]:
        yield lambda *a, at=at: formula(*a[:at], 1 - a[at], *a[at + 1 :])


def scaled(bound: Bound) -> Iterator[Callable]:
    """1% tighter than true; for an equality also 1% looser."""
    factors = {"upper": (0.99,), "lower": (1.01,), "equal": (0.99, 1.01)}[bound.side]
    for factor in factors:
        yield lambda *a, factor=factor: factor * bound.formula(*a)


def mutants(bound: Bound) -> list[tuple[str, Callable]]:
    kinds = (
        ("constant", scaled(bound)),
        ("half", without_a_half(bound.formula)),
        ("swap", swapped(bound.formula)),
    )
    return [(name, mutant) for name, made in kinds for mutant in made]


def caught(theorem: Theorem, label: str) -> bool:
    """Whether the tight example sees a violation of, or a gap at, the bound ``label``."""
    example = theorem.tight_example()
    bound = next(bound for bound in theorem.bounds if bound.label == label)
    comparison = bound.compare(example)
    broken = ~(comparison.slack >= -example.tolerance)
    attained = abs(comparison.ratio.max() - 1) <= bound.closeness
    return bool(broken.any() or not attained)


CASES = [
    pytest.param(theorem, bound, id=f"{id}-{bound.label}")
    for id, theorem in THEOREMS.items()
    for bound in theorem.bounds
]


@pytest.mark.parametrize(("theorem", "bound"), CASES)
def test_mutants_are_caught(theorem: Theorem, bound: Bound) -> None:
    assert not caught(theorem, bound.label)
    for kind, mutant in mutants(bound):
        assert caught(theorem.with_formula(bound.label, mutant), bound.label), kind


def test_every_kind_of_mutant_is_made() -> None:
    def kinds(id: str) -> list[str]:
        return [name for bound in THEOREMS[id].bounds for name, _ in mutants(bound)]

    assert kinds("1b") == ["constant", "half", "swap"] * 2
    assert kinds("1c") == ["constant", "half", "swap"]
    assert kinds("5a") == ["constant", "swap", "swap"]
    assert kinds("6c") == ["constant", "constant", "half", "half", "constant", "half", "half"]
    assert sum(name == "half" for id in THEOREMS for name in kinds(id)) >= 20


def test_an_equivalent_mutant_is_not_caught() -> None:
    """Negative control: a formula rewritten without changing its value passes."""
    theorem = THEOREMS["1b"].with_formula("upper", lambda rho, energy: energy / (2 - 2 * rho))
    assert not caught(theorem, "upper")
