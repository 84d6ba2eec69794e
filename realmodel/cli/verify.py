"""``layercard verify``: every theorem on random problems, in front of the user."""

from typing import Annotated

import typer
from rich.box import SIMPLE
from rich.table import Table

from realmodel.cli.claim import claim
from realmodel.cli.unused import say_unused
from realmodel.runs.console import AsJson, OutputDir, Seed, emit, progress, say
from simulate.verification import Report
from theory.whole_file import write_json


def verify(
    context: typer.Context,
    problems: Annotated[
        int, typer.Option(help="Random problems, split over their kinds.", min=1)
    ] = 10_000,
    jobs: Annotated[int, typer.Option(help="Processes; -1 for one for each core.")] = -1,
    dask: Annotated[
        str | None, typer.Option(help="Run on the Dask cluster at this address instead.")
    ] = None,
    seed: Seed = 0,
    output_dir: OutputDir = None,
    as_json: AsJson = False,
) -> None:
    """Check every theorem on random problems; exit with 1 if one is violated.

    Each theorem is also checked on its tight example, which attains its constants, and on its
    broken example, which drops an assumption and must break a bound.
    """
    from simulate import verification

    say_unused(context, {"jobs": None if dask is None else "no --dask, which brings its own"})
    claim(output_dir)
    with progress() as bar:
        task = bar.add_task("verify", total=None)
        report = verification.verify(
            problems,
            seed,
            workers=jobs,
            dask=dask,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    if output_dir is not None:
        say(f"report: {write_json(output_dir / 'verification.json', report.record())}")
    emit(report.record(), table(report), as_json=as_json)
    for theorem, key in report.failures:
        say(f"{theorem} is violated on draw(np.random.default_rng({list(key)}), ..)")
    if not report.passed:
        raise typer.Exit(1)


def table(report: Report) -> Table:
    """One line per theorem."""
    checked = sum(row.outcome.problems for row in report.rows)
    rendered = Table(
        title=f"{len(report.rows)} theorems, {report.problems} random problems (seed "
        f"{report.seed}), {checked} checks: {'passed' if report.passed else 'FAILED'}",
        box=SIMPLE,
        padding=(0, 1, 0, 0),
    )
    rendered.add_column("", no_wrap=True)
    rendered.add_column("theorem, provenance")
    for name in ("prob-\nlems", "viola-\ntions", "smallest\nslack", "tightest\nratio"):
        rendered.add_column(name, justify="right", no_wrap=True)
    rendered.add_column("tight,\nneeded", no_wrap=True)
    for row in report.rows:
        outcome = row.outcome
        rendered.add_row(
            outcome.theorem,
            f"{row.title}, {row.provenance}",
            str(outcome.problems),
            str(outcome.violations),
            f"{outcome.smallest_slack:.1e}" if outcome.problems else "-",
            f"{outcome.tightest_ratio:.6f}",
            f"{'yes' if row.tight else 'NO'}, {'yes' if row.needed else 'NO'}",
            style=None if row.passed else "red",
        )
    return rendered
