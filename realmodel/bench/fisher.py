"""``python -m realmodel.bench.fisher``: the cheap curvature against the exact one."""

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from realmodel.datasets import read_examples
from realmodel.demo.embedded import checkpoint_source
from realmodel.demo.generator import examples as demo_task
from realmodel.measure.fisher import Agreement, agreement, monte_carlo_fisher
from realmodel.measure.gauss_newton import GaussNewton, gauss_newton, select_directions
from realmodel.measure.statistics import collect_statistics
from realmodel.model.batches import encode
from realmodel.model.checkpoint import load_checkpoint
from realmodel.model.forward import window_of
from realmodel.model.modules import find_modules
from realmodel.runs.console import AsJson, emit, stderr

application = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@dataclass(frozen=True)
class Row:
    """One estimate: label draws per sequence, seconds, and how close it comes to the exact one."""

    draws: int
    damping: float
    seconds: float
    exact_seconds: float
    agreement: Agreement


def timed(work: Callable[[], GaussNewton]) -> tuple[GaussNewton, float]:
    """Result and processor seconds."""
    start = time.process_time()
    result = work()
    return result, time.process_time() - start


@application.command()
def main(
    model: Annotated[
        str, typer.Option(help="Checkpoint: hub id, folder or demo:NAME.")
    ] = "demo:gpt2",
    data: Annotated[
        Path | None, typer.Option(help="As for `layercard card`; the demo task by default.")
    ] = None,
    num_samples: Annotated[int, typer.Option(min=4, help="Half of them choose directions.")] = 64,
    directions: Annotated[int, typer.Option(min=1, help="Per module.")] = 2,
    draws: Annotated[list[int] | None, typer.Option(min=1, help="May be repeated.")] = None,
    damping: Annotated[list[float] | None, typer.Option(min=0, help="May be repeated.")] = None,
    output: Annotated[Path | None, typer.Option(help="Write the record as JSON.")] = None,
    as_json: AsJson = False,
) -> None:
    """Measure both curvatures in the same directions on the same sequences."""
    checkpoint = load_checkpoint(checkpoint_source(model))
    drawn = demo_task(num_samples) if data is None else read_examples(data, num_samples=num_samples)
    encoded = encode(
        drawn, checkpoint.tokenizer, max_length=window_of(checkpoint.model), too_long="skip"
    )
    table = find_modules(checkpoint.model)
    statistics = collect_statistics(checkpoint, encoded, table, check_accuracy=False)
    chosen = select_directions(statistics, k=directions)
    stderr.print("exact ...", highlight=False)
    exact, exact_seconds = timed(partial(gauss_newton, checkpoint, encoded, table, chosen))
    estimates: dict[int, tuple[GaussNewton, float]] = {}
    for count in draws or [1, 8]:
        stderr.print(f"draws {count} ...", highlight=False)
        work = partial(monte_carlo_fisher, checkpoint, encoded, table, chosen, draws=count)
        estimates[count] = timed(work)
    rows = [
        Row(
            count,
            ridge,
            seconds,
            exact_seconds,
            agreement(estimate.damped(ridge), exact.damped(ridge)),
        )
        for ridge in damping or [0.0, 1.0]
        for count, (estimate, seconds) in estimates.items()
    ]
    record = {
        "model": model,
        "data": "demo task" if data is None else str(data),
        "sequences": len(encoded),
        "directions": directions,
        "rows": [asdict(row) for row in rows],
    }
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(json.dumps(record, indent=2) + "\n")
    emit(record, _table(rows), as_json=as_json)


def _table(rows: list[Row]) -> Table:
    table = Table(
        title="Monte-Carlo Fisher against the exact Gauss-Newton matrix",
        caption="s: processor time; block gains: Spearman; joint gain: estimated over exact",
    )
    heads = (
        "draws",
        "damping",
        "CPU s",
        "exact CPU s",
        "matrix error",
        "block gains",
        "joint gain",
    )
    for column in heads:
        table.add_column(column, justify="right")
    for row in rows:
        found = row.agreement
        table.add_row(
            str(row.draws), f"{row.damping:g}", f"{row.seconds:.1f}", f"{row.exact_seconds:.1f}",
            f"{found.curvature_error:.0%}", f"{found.block_gain_correlation:.2f}",
            f"{found.gain_ratio:.2f}",
        )  # fmt: skip
    return table


if __name__ == "__main__":
    application(prog_name="python -m realmodel.bench.fisher")
