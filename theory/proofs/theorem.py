r"""A theorem as an object: what it states, a check on many problems, a tight case, a broken case.

A theorem is a set of :class:`Bound`. Each compares a *quantity*, computed from its definition,
with a *formula*: the very function that the library evaluates for its user. So the tests can
rewrite the formula's source (another constant, a lost factor 1/2, ``rho`` for ``1 - rho``) and ask
that the tight example notices.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Generic, Literal, TypeVar

import numpy as np

from theory.arrays import Array, BoolArray

Provenance = Literal["paper", "reconstruction", "extension"]
Formula = Callable[..., Any]


class Family:
    """A batch of problems of one kind; subclasses carry what their theorems speak of."""

    @cached_property
    def tolerance(self) -> Array:
        """Relative rounding error of each problem, shape (problems,): ``c eps condition``."""
        raise NotImplementedError


P = TypeVar("P", bound=Family)


@dataclass(frozen=True)
class Draw(Generic[P]):
    """Random problems of one kind: ``draw(generator, count)``.

    Attributes
    ----------
    kind
        Name of the kind. Random streams are keyed by it, so that it must not change when code
        moves.
    function
        Draws ``count`` problems of one random shape.
    """

    kind: str
    function: Callable[[np.random.Generator, int], P]

    def __call__(self, rng: np.random.Generator, count: int) -> P:
        """Draw ``count`` problems."""
        return self.function(rng, count)


@dataclass(frozen=True)
class Assumption(Generic[P]):
    """A hypothesis: in words or LaTeX, and as a test on each problem of a batch."""

    text: str
    holds: Callable[[P], BoolArray]


@dataclass(frozen=True)
class Bound(Generic[P]):
    """``quantity <= formula`` (``upper``), ``>=`` (``lower``) or ``==`` (``equal``).

    Attributes
    ----------
    label
        Short name.
    side
        Which side of the quantity the formula bounds.
    quantity
        The bounded quantity of each problem, from its definition, shape (problems,).
    formula
        The library's function; it broadcasts over problems.
    arguments
        What the formula is given for a batch.
    closeness
        Relative gap left at the tight example: rounding, or more where a constant is a limit.
    """

    label: str
    side: Literal["upper", "lower", "equal"]
    quantity: Callable[[P], Array]
    formula: Formula
    arguments: Callable[[P], tuple[Any, ...]]
    closeness: float = 1e-9

    def compare(self, problems: P) -> "Comparison":
        """Evaluate both sides on a batch."""
        with np.errstate(all="ignore"):
            quantity = np.asarray(self.quantity(problems), dtype=np.float64)
            value = np.asarray(self.formula(*self.arguments(problems)), dtype=np.float64)
            value = np.broadcast_to(value, quantity.shape)
            scale = np.maximum(np.abs(quantity), np.abs(value))
            gap = quantity - value if self.side == "lower" else value - quantity
            if self.side == "equal":
                gap = -np.abs(gap)
            slack = np.where(scale == 0, 0.0, gap / scale)
            small, large = (value, quantity) if self.side == "lower" else (quantity, value)
            if self.side == "equal":
                small, large = np.minimum(small, large), np.maximum(small, large)
            ratio = np.where(large > 0, small / large, 0.0)
        return Comparison(self.label, slack, ratio)


@dataclass(frozen=True, eq=False)
class Comparison:
    """Both sides of one bound on a batch.

    Attributes
    ----------
    label
        The bound's.
    slack
        ``(larger - smaller) / scale`` of each problem, as claimed: negative is a violation.
    ratio
        Smaller over larger: 1 where the bound is attained.
    """

    label: str
    slack: Array
    ratio: Array


@dataclass(frozen=True)
class Verification:
    """Outcome of a theorem's check; outcomes of several batches add up with ``+``.

    Attributes
    ----------
    theorem
        Its id.
    problems
        Problems that meet the assumptions, all of them checked.
    skipped
        Problems that do not.
    violations
        Problems on which a bound fails beyond rounding, or is not a number.
    smallest_slack
        Least relative distance to a violated bound seen; negative within rounding, infinite when
        no problem was checked.
    tightest_ratio
        Largest ratio of the smaller to the larger side seen.
    """

    theorem: str
    problems: int
    skipped: int
    violations: int
    smallest_slack: float
    tightest_ratio: float

    def __add__(self, other: "Verification") -> "Verification":
        if self.theorem != other.theorem:
            raise ValueError(f"outcomes of {self.theorem} and {other.theorem} do not add up")
        return Verification(
            self.theorem,
            self.problems + other.problems,
            self.skipped + other.skipped,
            self.violations + other.violations,
            min(self.smallest_slack, other.smallest_slack),
            max(self.tightest_ratio, other.tightest_ratio),
        )


@dataclass(frozen=True)
class Theorem(Generic[P]):
    """One result. A new one is one file in ``theory/proofs/theorems`` with a ``THEOREM``.

    Attributes
    ----------
    id
        Number in ``docs/theory.md``.
    title
        A few words.
    provenance
        ``paper``, ``reconstruction`` or ``extension``.
    statement
        LaTeX.
    assumptions
        All of them; a problem that breaks one is skipped by :meth:`check`.
    bounds
        What is claimed.
    tight_example
        A batch in which every bound is attained by some problem.
    violated_example
        A batch in which every problem breaks an assumption and some bound.
    draw
        Random problems of this theorem's kind. Theorems with the same ``draw`` can share a batch
        and what is computed on it.
    functions
        Public names that evaluate it.
    figure
        File stem of the figure that shows it.
    """

    id: str
    title: str
    provenance: Provenance
    statement: str
    assumptions: tuple[Assumption[P], ...]
    bounds: tuple[Bound[P], ...]
    tight_example: Callable[[], P]
    violated_example: Callable[[], P]
    draw: Draw[P]
    functions: tuple[str, ...] = ()
    figure: str | None = None

    def compare(self, problems: P) -> tuple[Comparison, ...]:
        """Evaluate every bound, whether or not the assumptions hold."""
        return tuple(bound.compare(problems) for bound in self.bounds)

    def admits(self, problems: P) -> BoolArray:
        """Which problems meet all assumptions."""
        admitted = np.ones(len(problems.tolerance), dtype=np.bool_)
        for assumption in self.assumptions:
            admitted &= assumption.holds(problems)
        return admitted

    def check(self, problems: P, *, assume: bool = True) -> Verification:
        """Count the problems on which a bound fails.

        Parameters
        ----------
        problems
            A batch of the kind that :attr:`draw` returns.
        assume
            Skip the problems that break an assumption.
        """
        admitted = self.admits(problems)
        chosen = admitted if assume else np.ones_like(admitted)
        failed = np.zeros_like(admitted)
        slack, ratio = np.inf, 0.0
        if chosen.any():
            for comparison in self.compare(problems):
                failed |= ~(comparison.slack >= -problems.tolerance)
                slack = min(slack, float(comparison.slack[chosen].min()))
                ratio = max(ratio, float(comparison.ratio[chosen].max()))
        return Verification(
            self.id,
            int(chosen.sum()),
            int((~chosen).sum()),
            int((failed & chosen).sum()),
            slack,
            ratio,
        )

    def with_formula(self, label: str, formula: Formula) -> "Theorem[P]":
        """Return a copy whose bound ``label`` evaluates another formula (the tests' mutants)."""
        return replace(
            self,
            bounds=tuple(
                replace(bound, formula=formula) if bound.label == label else bound
                for bound in self.bounds
            ),
        )
