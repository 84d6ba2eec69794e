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


def changed(theorem: str, label: str) -> Iterator[Callable]:
    """Copies of a formula with one of the changes below."""
    bound = next(bound for bound in THEOREMS[theorem].bounds if bound.label == label)
    plain = inspect.unwrap(bound.formula)
    source = textwrap.dedent(inspect.getsource(plain))
    for old, new in CHANGES.get((theorem, label), ()):
        assert old in source, f"{old!r} is not in {plain.__name__}: update the change"
        namespace = dict(plain.__globals__)
        exec(compile(source.replace(old, new), "<mutant>", "exec"), namespace)
        yield namespace[plain.__name__]


# Other layers, other ends of the range, other counts: what each sharper form is sharper by.
CHANGES: dict[tuple[str, str], tuple[tuple[str, str], ...]] = {
    ("4c", "at least"): (("step_size * smallest", "step_size * smallest / 2"),),
    ("5d", "upper"): (("rho**2)", "rho)"), ("/ (1 - worst)", ""), ("- worst**2", "")),
    ("11a", "coupling"): (("first * second", "second * second"), ("np.sqrt", "")),
    ("11a", "redundant end"): (("shares.max", "shares.min"),),
    ("11a", "ridge of the paper's regime"): (
        ("(first + reference) * (second", "(second + reference) * (second"),
        ("goal - first * second", "goal"),
        ("rho**2", "rho"),
    ),
    ("11b", "redundant end"): (("root = np.sqrt(shares)", "root = shares"),),
    ("12a", "upper"): (
        ("- alignment", "+ alignment"),
        ("- alignment", ""),
        ("1 + mu_min + mu_max", "1 + mu_max"),
        ("1 + mu_min + mu_max", "1 + mu_min"),
        ("* (1 + mu_max))", ")"),
    ),
    ("12b", "compensation"): (
        ("mu_max - mu_min", "mu_max"),
        ("np.sqrt(", "("),
        ("* (1 + mu_min)", ""),
    ),
    ("12b", "forgone at most"): (("outside**2", "outside"), ("1 + mu_max", "1 - mu_max")),
    ("12b", "forgone at least"): (("1 + mu_min", "1 - mu_min"),),
    ("12c", "gain at most"): (("1 - mu_min", "1 + mu_min"),),
    ("12c", "gain at least"): (("1 - mu_max", "1 + mu_max"),),
    ("12c", "interaction at most"): (("mu_max *", "-mu_max *"),),
    ("12d", "upper"): (("first * second", "second * second"), ("np.sqrt", "")),
    ("12d", "lower"): (("first * second", "second * second"), ("np.sqrt", "")),
    ("12d", "coupling"): (("[..., -1]", "[..., -2]"),),
    ("12e", "any decay"): (
        ("terms[..., :more].sum", "terms[..., :fewer].sum"),
        ("terms[..., :fewer].sum", "terms[..., :more].sum"),
        ("gap::gap", "1::gap"),
    ),
    ("12f", "in k steps"): (("-share / size", "-share"), ("left = size *", "left = (size - 1) *")),
    ("12g", "at most"): (("1 - error", "1 + error"), ("/ (1 - error)", "")),
    ("12g", "at least"): (("1 + error", "1 - error"), ("/ (1 + error)", "")),
}


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
    kinds = [*mutants(bound), *(("change", mutant) for mutant in changed(theorem.id, bound.label))]
    for kind, mutant in kinds:
        assert caught(theorem.with_formula(bound.label, mutant), bound.label), kind


def test_every_kind_of_mutant_is_made() -> None:
    def kinds(id: str) -> list[str]:
        return [name for bound in THEOREMS[id].bounds for name, _ in mutants(bound)]

    assert kinds("1b") == ["constant", "half", "swap"] * 2
    assert kinds("1c") == ["constant", "half", "swap"]
    assert kinds("5a") == ["constant", "swap", "swap"]
    assert kinds("6c") == ["constant", "constant", "half", "half", "constant", "half", "half"]
    bounds = {(id, bound.label) for id, theorem in THEOREMS.items() for bound in theorem.bounds}
    assert set(CHANGES) <= bounds
    assert sum(name == "half" for id in THEOREMS for name in kinds(id)) >= 20


def test_an_equivalent_mutant_is_not_caught() -> None:
    """Negative control: a formula rewritten without changing its value passes."""
    theorem = THEOREMS["1b"].with_formula("upper", lambda rho, energy: energy / (2 - 2 * rho))
    assert not caught(theorem, "upper")
