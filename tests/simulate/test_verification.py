"""``layercard verify``: the report, its independence of the workers, and its negative controls."""

import json
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest
from typer.testing import CliRunner

from realmodel.cli import app
from simulate import verification
from simulate.verification import check_chunk, verify
from theory import THEOREMS, InputError, Theorem

FEW = [THEOREMS[id] for id in ("1b", "3b", "4d", "8")]
run = CliRunner()


def wrong(id: str = "1b", label: str = "upper", factor: float = 0.9) -> Theorem:
    """A theorem that claims too much."""
    theorem = THEOREMS[id]
    formula = next(bound.formula for bound in theorem.bounds if bound.label == label)
    return theorem.with_formula(label, lambda *a: factor * formula(*a))


def test_every_theorem_passes() -> None:
    report = verify(600, seed=3, workers=1)
    assert report.passed
    assert [row.outcome.theorem for row in report.rows] == list(THEOREMS)
    assert all(row.outcome.violations == 0 for row in report.rows)
    assert report.failures == ()


def test_problems_are_split_over_the_kinds() -> None:
    report = verify(101, theorems=FEW, workers=1)
    seen = {row.outcome.theorem: row.outcome for row in report.rows}
    drawn = {id: outcome.problems + outcome.skipped for id, outcome in seen.items()}
    assert drawn["3b"] == drawn["4d"] == 34
    assert sorted(drawn.values()) == [33, 34, 34, 34]


def test_the_same_numbers_for_any_number_of_workers() -> None:
    one = verify(300, seed=5, theorems=FEW, workers=1)
    assert verify(300, seed=5, theorems=FEW, workers=2) == one
    assert verify(300, seed=6, theorems=FEW, workers=1) != one


def test_seeds_hang_on_the_name_of_a_kind_alone() -> None:
    """Not on the module that draws it."""
    (_, key, _), *_ = verification._tasks((THEOREMS["1b"],), 50, 7)
    assert key == (7, crc32(b"quadratics"), 0)


def test_another_theorem_leaves_the_problems_of_the_others() -> None:
    alone = verify(50, theorems=FEW[:1], workers=1).rows[0]
    beside = verify(100, theorems=FEW[:2], workers=1).rows[0]
    assert alone == beside


@pytest.fixture
def cluster() -> Iterator[str]:
    """Address of a local Dask cluster with one worker thread in this process."""
    distributed = pytest.importorskip("distributed")
    with warnings.catch_warnings():
        # The dashboard's port may be taken, and sockets of the loop close after the test.
        warnings.simplefilter("ignore")
        with distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
        ) as local:
            yield local.scheduler_address


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")
def test_the_same_numbers_on_a_dask_cluster(cluster: str) -> None:
    assert verify(100, theorems=FEW, dask=cluster) == verify(100, theorems=FEW, workers=1)


def test_a_wrong_theorem_is_violated_and_can_be_drawn_again() -> None:
    report = verify(200, theorems=[THEOREMS["1a"], wrong()], workers=1)
    right, false = report.rows
    assert right.passed
    assert not report.passed
    assert not false.passed
    assert false.outcome.violations > 0
    assert false.outcome.smallest_slack < 0
    assert not false.tight
    theorem, key = report.failures[0]
    assert theorem == "1b"
    _, (again,) = check_chunk((wrong(),), key, 50)
    assert again.violations > 0


def test_a_loose_theorem_is_not_tight() -> None:
    report = verify(50, theorems=[wrong(factor=1.5)], workers=1)
    assert report.rows[0].outcome.violations == 0
    assert not report.rows[0].tight
    assert not report.passed


def test_a_theorem_that_was_never_checked_does_not_pass() -> None:
    """Assumptions that no problem meets are a failure, not a success."""
    from dataclasses import replace

    from theory import Assumption

    never = Assumption("false", lambda p: np.zeros(len(p.tolerance), dtype=np.bool_))
    theorem = replace(THEOREMS["1b"], assumptions=(never,))
    row = verify(50, theorems=[theorem], workers=1).rows[0]
    assert not row.passed
    assert row.record()["smallest_slack"] is None


def check_table(text: str, ids: list[str]) -> None:
    """Every theorem has a line with its numbers."""
    for id in ids:
        assert re.search(rf"^ *{re.escape(id)} .*\d+ +0 +-?\d\.\de[+-]\d\d +[01]\.\d+", text, re.M)


def test_the_command_prints_a_table(tmp_path: Path) -> None:
    result = run.invoke(
        app, ["verify", "--problems", "130", "--jobs", "1", "--output-dir", str(tmp_path / "new")]
    )
    assert result.exit_code == 0, result.output
    check_table(result.stdout, list(THEOREMS))
    with pytest.raises(AssertionError):
        check_table(result.stdout, ["9z"])
    assert "reconstruction" in result.stdout
    record = json.loads((tmp_path / "new" / "verification.json").read_text())
    assert record["passed"]
    assert list((tmp_path / "new").iterdir()) == [tmp_path / "new" / "verification.json"]


def test_the_command_prints_json() -> None:
    result = run.invoke(app, ["verify", "--problems", "20", "--jobs", "1", "--seed", "7", "--json"])
    record = json.loads(result.stdout)
    assert (record["seed"], record["problems"]) == (7, 20)
    assert [row["theorem"] for row in record["theorems"]] == list(THEOREMS)


def test_the_command_fails_on_a_violation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verification, "THEOREMS", {"1b": wrong()})
    result = run.invoke(app, ["verify", "--problems", "50", "--jobs", "1"])
    assert result.exit_code == 1
    assert "FAILED" in result.stdout
    assert "1b is violated on draw(np.random.default_rng([0, " in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--problems", "0"], "greater than or equal to 1"),
        (["--seed", "-1"], "greater than or equal to 0"),
        (["--jobs", "0"], "workers is 0"),
        (["--dask", "nowhere:1"], "no Dask scheduler answers at 'nowhere:1'"),
    ],
)
def test_usage_errors(arguments: list[str], message: str) -> None:
    result = run.invoke(app, ["verify", "--problems", "1", *arguments])
    assert result.exit_code == 2
    assert message in re.sub(r"\s+", " ", result.stderr.replace("│", ""))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"problems": 0}, "cannot verify on 0 problems"),
        ({"seed": -1}, "seed is -1"),
        ({"theorems": []}, "no theorem"),
    ],
)
def test_bad_input(options, message: str) -> None:
    with pytest.raises(InputError, match=message):
        verify(**options, workers=1)
