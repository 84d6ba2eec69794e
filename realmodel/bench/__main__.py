"""``python -m realmodel.bench [MODEL ...]``: ratios of extraction to training, in one run."""

import json
import platform
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from rich.table import Table

from realmodel.bench.models import SIZES
from realmodel.bench.run import Measurement, measure
from realmodel.runs.allocator import keep_freed_memory
from realmodel.runs.console import AsJson, emit, stderr
from theory import InputError


def _gib(count: int | None) -> str:
    return "-" if count is None else f"{count / 2**30:.2f}"


def _table(measured: list[Measurement]) -> Table:
    table = Table(title="extraction of Sigma and gradient against forward + backward")
    for column in (
        "model", "device", "dtype", "tokens", "partitions", "training s", "extraction s", "ratio",
        "floor", "training GiB", "extraction GiB", "share of peak",
    ):  # fmt: skip
        table.add_column(column, justify="left" if column in ("model", "device") else "right")
    for m in measured:
        table.add_row(
            m.model, m.device, m.dtype, str(m.tokens), str(m.partitions),
            f"{m.training_seconds:.2f}", f"{m.extraction_seconds:.2f}", f"{m.ratio:.2f}",
            f"{m.floor:.2f}", _gib(m.training_bytes), _gib(m.extraction_bytes),
            f"{m.peak_share:.0%}",
        )  # fmt: skip
    return table


application = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@application.command()
def main(
    models: Annotated[list[str] | None, typer.Argument(help=", ".join(SIZES))] = None,
    device: Annotated[str, typer.Option(help="cpu or cuda")] = "cpu",
    sequences: Annotated[int, typer.Option(min=1)] = 4,
    length: Annotated[int, typer.Option(min=4, help="Tokens per sequence.")] = 256,
    batch_size: Annotated[int, typer.Option(min=1)] = 4,
    partitions: Annotated[
        int, typer.Option(min=1, help="Extract the layers in groups: less memory, more passes.")
    ] = 1,
    rounds: Annotated[int, typer.Option(min=1)] = 3,
    output: Annotated[Path | None, typer.Option(help="Write the record as JSON.")] = None,
    as_json: AsJson = False,
) -> None:
    """Measure; without names, the sizes that the device can take."""
    gpu = device.startswith("cuda")
    keep_freed_memory()  # as every layercard command does
    names = models or [name for name, size in SIZES.items() if gpu or not size.needs_gpu]
    measured: list[Measurement] = []
    record: dict[str, Any] = {
        "date": date.today().isoformat(),
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads",
        "versions": {name: version(name) for name in ("torch", "transformers")},
        "measurements": [],
    }
    try:
        for name in names:
            stderr.print(f"{name} ...", highlight=False)
            measured.append(
                measure(
                    name,
                    device=device,
                    sequences=sequences,
                    length=length,
                    batch_size=batch_size,
                    partitions=partitions,
                    rounds=rounds,
                )
            )
            record["measurements"] = [m.as_dict() for m in measured]
            if output is not None:  # after every model: the next one may not fit
                output.parent.mkdir(parents=True, exist_ok=True)
                output.write_text(json.dumps(record, indent=2) + "\n")
    except InputError as error:
        stderr.print(f"error: {error}", style="red", markup=False, soft_wrap=True)
        raise typer.Exit(2) from None
    emit(record, _table(measured), as_json=as_json)


if __name__ == "__main__":
    application(prog_name="python -m realmodel.bench")
