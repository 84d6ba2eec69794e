"""Every theorem on random problems, over processes or a cluster, with the same numbers on any."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any
from zlib import crc32

import joblib
import numpy as np

from simulate.workers import parallel
from theory import THEOREMS, InputError, Theorem, Verification

MOST_PROBLEMS = 10**9
"""A week of one core."""

CHUNK = 50  # problems drawn at once: they share a shape, and what is computed on them

Key = tuple[int, int, int]


@dataclass(frozen=True)
class Row:
    """Outcome of one theorem.

    Parameters
    ----------
    outcome
        Over the random problems.
    title, provenance
        The theorem's.
    tight
        Whether its tight example attains every bound.
    needed
        Whether its broken example, which drops an assumption, breaks a bound.
    """

    outcome: Verification
    title: str
    provenance: str
    tight: bool
    needed: bool

    @property
    def passed(self) -> bool:
        """Whether it was checked, and nothing failed."""
        checked = self.outcome.problems > 0 and self.outcome.violations == 0
        return checked and self.tight and self.needed

    def record(self) -> dict[str, Any]:
        """For JSON: null where no problem met the assumptions."""
        fields = asdict(self.outcome)
        if not self.outcome.problems:
            fields["smallest_slack"] = None
        others = {"title": self.title, "provenance": self.provenance}
        return {**fields, **others, "tight": self.tight, "needed": self.needed,
                "passed": self.passed}  # fmt: skip


@dataclass(frozen=True)
class Report:
    """All outcomes of one run.

    Parameters
    ----------
    rows
        One per theorem, in the order of ``docs/theory.md``.
    problems
        Random problems drawn.
    seed
        What they were drawn from.
    failures
        ``(theorem, key)``: ``draw(np.random.default_rng(key), 50)`` has a violation.
    """

    rows: tuple[Row, ...]
    problems: int
    seed: int
    failures: tuple[tuple[str, Key], ...]

    @property
    def passed(self) -> bool:
        """Whether every theorem passed."""
        return all(row.passed for row in self.rows)

    def record(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "problems": self.problems,
            "seed": self.seed,
            "passed": self.passed,
            "theorems": [row.record() for row in self.rows],
            "failures": [{"theorem": id, "key": list(key)} for id, key in self.failures],
        }


def verify(
    problems: int = 10_000,
    seed: int = 0,
    *,
    theorems: Iterable[Theorem[Any]] | None = None,
    workers: int = -1,
    dask: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Draw random problems and check every theorem of their kind on each of them.

    Parameters
    ----------
    problems
        How many to draw, split evenly over the kinds (quadratics, adapters, designs, ..).
    seed
        Of the draws. Each chunk of 50 has a generator of its own, so the outcome does not depend
        on who computes it.
    theorems
        :data:`theory.THEOREMS` by default.
    workers, dask
        See :func:`simulate.workers.parallel`.
    progress
        Called with the chunks done and their number.

    Raises
    ------
    InputError
        Fewer than one problem, a negative seed, no theorem, or no such workers.

    Notes
    -----
    Provenance: extension.

    Examples
    --------
    >>> report = verify(40, theorems=[THEOREMS["1b"]], workers=1)
    >>> report.passed, report.rows[0].outcome.violations, report.problems
    (True, 0, 40)
    """
    chosen = tuple(THEOREMS.values() if theorems is None else theorems)
    if not 1 <= problems <= MOST_PROBLEMS:
        raise InputError(f"cannot verify on {problems} problems: draw 1 to {MOST_PROBLEMS}")
    if seed < 0:
        raise InputError(f"seed is {seed}: it must be at least 0")
    if not chosen:
        raise InputError("no theorem to verify")
    tasks = _tasks(chosen, problems, seed)
    totals = {theorem.id: Verification(theorem.id, 0, 0, 0, np.inf, 0.0) for theorem in chosen}
    failures: list[tuple[str, Key]] = []
    with parallel(workers, dask) as run:
        results = run(joblib.delayed(check_chunk)(*task) for task in tasks)
        for done, (key, outcomes) in enumerate(results, start=1):
            for outcome in outcomes:
                totals[outcome.theorem] += outcome
                if outcome.violations:
                    failures.append((outcome.theorem, key))
            if progress is not None:
                progress(done, len(tasks))
    return Report(
        rows=tuple(
            Row(totals[t.id], t.title, t.provenance, is_tight(t), is_needed(t)) for t in chosen
        ),
        problems=problems,
        seed=seed,
        failures=tuple(sorted(failures)),
    )


Task = tuple[tuple[Theorem[Any], ...], Key, int]


def _tasks(theorems: tuple[Theorem[Any], ...], problems: int, seed: int) -> list[Task]:
    """Chunks of every kind of problem; theorems of a kind share them."""
    kinds: dict[str, list[Theorem[Any]]] = {}
    for theorem in theorems:
        kinds.setdefault(theorem.draw.kind, []).append(theorem)
    tasks: list[Task] = []
    for at, (name, members) in enumerate(kinds.items()):
        share = problems // len(kinds) + (at < problems % len(kinds))
        # Keyed by name, so that a new kind leaves the problems of the others as they were.
        code = crc32(name.encode())
        for chunk, start in enumerate(range(0, share, CHUNK)):
            tasks.append((tuple(members), (seed, code, chunk), min(CHUNK, share - start)))
    return tasks


def check_chunk(
    theorems: tuple[Theorem[Any], ...], key: Key, count: int
) -> tuple[Key, list[Verification]]:
    """Check theorems of one kind on the chunk of problems with this key."""
    problems = theorems[0].draw(np.random.default_rng(key), count)
    return key, [theorem.check(problems) for theorem in theorems]


def is_tight(theorem: Theorem[Any]) -> bool:
    """Whether the tight example meets the assumptions and attains every bound."""
    example = theorem.tight_example()
    attained = all(
        abs(float(comparison.ratio.max()) - 1) <= bound.closeness
        for bound, comparison in zip(theorem.bounds, theorem.compare(example), strict=True)
    )
    outcome = theorem.check(example)
    return attained and outcome.violations == 0 and outcome.skipped == 0


def is_needed(theorem: Theorem[Any]) -> bool:
    """Whether each problem of the broken example fails an assumption and a bound.

    Examples
    --------
    >>> is_needed(THEOREMS["1b"])
    True
    """
    example = theorem.violated_example()
    outcome = theorem.check(example, assume=False)
    return outcome.violations == outcome.problems and not theorem.admits(example).any()
