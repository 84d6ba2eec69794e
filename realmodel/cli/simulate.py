"""``layercard simulate``: run one experiment on worlds with known answers."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from realmodel.cli.claim import claim
from realmodel.cli.unused import say_unused
from realmodel.runs.console import AsJson, OutputDir, Seed, emit, progress, say
from simulate.experiments import EXPERIMENTS, experiment
from simulate.ranges import ranges
from simulate.table import Table


def simulate(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="Experiment; omit to list them.")] = None,
    worlds: Annotated[
        int | None, typer.Option(help="Worlds at each point of the grid.", min=1, max=10**9)
    ] = None,
    workers: Annotated[int, typer.Option(help="Processes; -1 for one for each core.")] = -1,
    dask: Annotated[
        str | None, typer.Option(help="Run on the Dask cluster at this address instead.")
    ] = None,
    card: Annotated[
        list[Path] | None,
        typer.Option(help="Saved card or quadratic of a real model, drawn beside the worlds."),
    ] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Print the whole table of the summary.")
    ] = False,
    seed: Seed = 0,
    output_dir: OutputDir = None,
    as_json: AsJson = False,
) -> None:
    """Run a simulator experiment: prints what was found, writes rows (JSON) and a figure.

    What is printed is the range of each quantity and where its ends are; the table with --verbose
    or --json.

    A run that was killed continues where it stopped when it is started again.
    """
    say_unused(context, {"workers": None if dask is None else "no --dask, which brings its own"})
    if name is None:
        _list(as_json)
        return
    chosen = experiment(name)
    folder = output_dir or Path("out/simulate")
    claim(folder)
    journal = folder / f"{name}.jsonl"
    with progress() as bar:
        task = bar.add_task(chosen.title, total=None)
        table = chosen(
            seed=seed,
            worlds=worlds,
            workers=workers,
            dask=dask,
            journal=journal,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
            cards=card or (),
        )
    from simulate.drawing import save_figure

    table.save(folder / f"{name}.json")
    save_figure(chosen, table, folder / f"{name}.png")
    save_figure(chosen, table, folder / f"{name}.pdf")
    journal.unlink()
    summary = chosen.summarise(table)
    shown = _render(summary) if verbose else _found(chosen.title, chosen.question, summary)
    emit(summary.record(), shown, as_json=as_json)
    say(f"rows: {folder / name}.json   figure: {folder / name}.png, .pdf")


def _list(as_json: bool) -> None:
    table = RichTable("experiment", "question", box=None, pad_edge=False)
    for found in EXPERIMENTS.values():
        table.add_row(found.name, found.question)
    emit({found.name: found.question for found in EXPERIMENTS.values()}, table, as_json=as_json)


def _found(title: str, question: str, summary: Table) -> RenderableType:
    rows = RichTable.grid(padding=(0, 2))
    rows.add_column(overflow="fold", ratio=2)
    rows.add_column(overflow="fold", ratio=3)
    for meaning, words in ranges(summary):
        rows.add_row(Text(meaning, style="dim"), Text(words))
    return Group(Text(title, style="bold"), Text(question), Text(), rows)


def _render(table: Table) -> RichTable:
    rich = RichTable(title=table.title, title_justify="left", box=None, pad_edge=False)
    for name in table.columns:
        cells = [_cell(row[name]) for row in table.rows]
        numeric = all(isinstance(row[name], int | float | None) for row in table.rows)
        rich.add_column(
            name.replace("_", "\n"),  # a word a line: the numbers set the width
            justify="right" if numeric else "left",
            min_width=max(map(len, cells), default=0),
        )
    for row in table.rows:
        rich.add_row(*(_cell(value) for value in row.values()))
    return rich


def _cell(value: Any) -> str:
    if value is None:
        return "none"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
