"""The command ``python -m paper_figures``."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table as Listing

from paper_figures.announced import announced
from paper_figures.artifact import Artifact, artifacts, select
from paper_figures.build import Built, build
from paper_figures.index import write_index
from paper_figures.preset import Preset, preset
from realmodel.runs.console import AsJson, OutputDir, Seed, emit, progress, say
from realmodel.runs.output_folder import claimed
from realmodel.runs.reported import reported, tell_error

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def figures(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Figures and tables; all.")
    ] = None,
    preset_name: Annotated[
        str, typer.Option("--preset", help="demo, mini (local checkpoints), paper (hub, GPU).")
    ] = "demo",
    model: Annotated[
        list[str] | None, typer.Option("--model", help="Checkpoint; repeat for several.")
    ] = None,
    data: Annotated[
        list[str] | None, typer.Option("--data", help="Task file; repeat for several.")
    ] = None,
    card: Annotated[
        list[str] | None,
        typer.Option("--card", help="card.json to draw instead of measuring; repeat for several."),
    ] = None,
    comparison: Annotated[
        list[str] | None,
        typer.Option("--comparison", help="comparison.json to draw instead of training."),
    ] = None,
    output_dir: OutputDir = None,
    seed: Seed = 0,
    from_data: Annotated[
        bool, typer.Option("--from-data", help="Only draw; refuse missing or stale data.")
    ] = False,
    list_names: Annotated[bool, typer.Option("--list", help="List the names and stop.")] = False,
    as_json: AsJson = False,
) -> None:
    """Compute, keep and draw the paper's figures and tables; what is unchanged is kept."""
    with reported():
        if list_names:
            known = list(artifacts().values())
            record = {item.name: {"kind": item.kind, "title": item.title} for item in known}
            emit(record, _listing(known), as_json=as_json)
            return
        chosen = preset(preset_name).with_sources(tuple(model or ()), tuple(data or ()), seed)
        chosen = replace(chosen, cards=tuple(card or ()), compared=tuple(comparison or ()))
        selected, folder = select(names or []), output_dir or Path("out/figures")
        parts = ("steps", "figures", "tables")
        with claimed(folder, *(folder / part for part in parts)):
            built = _build_all(selected, chosen, folder, compute=not from_data)
        record = {item.name: _entry(item) for item in built}
        emit(record, _summary(built), as_json=as_json)
        say(f"all of them, with their captions: {folder / 'index.md'}")
        if refused := [item for item in built if item.refused]:
            for item in refused:
                tell_error(f"{item.name}: {item.refused}")
            raise typer.Exit(2)


def _build_all(
    selected: tuple[Artifact, ...], chosen: Preset, folder: Path, *, compute: bool
) -> list[Built]:
    if compute:
        for line in announced(selected, chosen, folder):
            say(line)
    built: list[Built] = []
    with progress() as bar:
        task = bar.add_task("figures and tables", total=len(selected))
        started = lambda name: bar.update(task, description=name)  # noqa: E731
        for item in build(selected, chosen, folder, compute=compute, started=started):
            built.append(item)
            bar.advance(task)
    write_index(folder, chosen)
    return built


def _entry(item: Built) -> dict[str, Any]:
    return {
        "kind": item.kind,
        "computed": item.computed,
        "files": [str(path) for path in item.files],
        "refused": item.refused,
    }


def _listing(known: list[Artifact]) -> Listing:
    listing = Listing("name", "kind", "what it shows")
    for item in known:
        listing.add_row(item.name, item.kind, item.title)
    return listing


def _summary(built: list[Built]) -> Listing:
    summary = Listing("name", "data", "files")
    for item in built:
        state = "refused" if item.refused else "computed" if item.computed else "unchanged"
        summary.add_row(item.name, state, ", ".join(path.name for path in item.files))
    return summary
