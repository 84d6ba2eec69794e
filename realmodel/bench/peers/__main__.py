"""``python -m realmodel.bench.peers``: every package on the same model and batches, one by one."""

import gc
import importlib
import time
import warnings
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from rich.table import Table

from realmodel.bench.peak_memory import Peak, peak_memory
from realmodel.bench.peers.peer import Outcome, Work
from realmodel.datasets import read_examples
from realmodel.demo.embedded import checkpoint_source
from realmodel.demo.generator import examples as demo_task
from realmodel.measure.gauss_newton import Directions
from realmodel.model.batches import encode
from realmodel.model.checkpoint import load_checkpoint
from realmodel.model.modules import find_modules
from realmodel.runs.console import AsJson, emit, stderr
from realmodel.runs.reported import reported
from theory.arrays import Array
from theory.whole_file import write_json

PEERS = {
    "layercard": "ours",
    "layercard Gauss-Newton": "ours_curvature",
    "kronfluence covariance": "kronfluence_covariance",
    "peft LoRA-GA": "lora_ga",
    "peft CorDA": "corda",
    "peft EVA": "eva",
    "peft KappaTune": "kappatune",
    "curvlinops GGN product": "curvlinops_product",
}
application = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@dataclass(frozen=True)
class Row:
    """One package: seconds, bytes, largest relative difference from ours by kind of number."""

    name: str
    seconds: float
    bytes: int | None
    agreement: dict[str, float]
    note: str


def difference(ours: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor]) -> dict[str, float]:
    """Largest relative Frobenius difference by kind, over the names that both hold."""
    found: dict[str, float] = {}
    for name, value in theirs.items():
        if name in ours:
            kind = name.partition("/")[0]
            mine = ours[name].double()
            relative = float((value.double() - mine).norm() / mine.norm())
            found[kind] = max(found.get(kind, 0.0), relative)
    return found


def outcome_of(module: str, work: Work) -> Outcome:
    """Run one package, or say that it is not installed."""
    try:
        peer = importlib.import_module(f"realmodel.bench.peers.{module}")
    except ImportError as error:
        return Outcome(note=f"not installed: {error}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # other packages' deprecations are theirs
        result: Outcome = peer.run(work)
    return result


@application.command()
@reported()
def main(
    model: Annotated[
        str, typer.Option(help="Checkpoint: hub id, folder or demo:NAME.")
    ] = "demo:qwen3",
    data: Annotated[
        Path | None, typer.Option(help="As for `layercard card`; the demo task by default.")
    ] = None,
    num_samples: Annotated[int, typer.Option(min=2)] = 32,
    batch_size: Annotated[int, typer.Option(min=1)] = 8,
    output: Annotated[Path | None, typer.Option(help="Write the record as JSON.")] = None,
    as_json: AsJson = False,
) -> None:
    """Run each package on the same input and compare."""
    drawn = demo_task(num_samples) if data is None else read_examples(data, num_samples=num_samples)
    source = checkpoint_source(model)
    rows: list[Row] = []
    ours: dict[str, torch.Tensor] = {}
    for name, module in PEERS.items():
        stderr.print(f"{name} ...", highlight=False)
        # Each package changes the model: give each a fresh one.
        checkpoint = load_checkpoint(source, dtype="float32")
        network: Any = checkpoint.model.eval()
        for part in network.modules():
            if isinstance(part, torch.nn.Dropout):
                part.p = 0.0
        window = int(network.config.max_position_embeddings)
        examples = encode(drawn, checkpoint.tokenizer, max_length=window, too_long="skip")
        table = find_modules(network)
        rng = np.random.default_rng(0)

        def draw(size: int, rng: np.random.Generator = rng) -> Array:
            return rng.standard_normal((1, size)) / np.sqrt(size)

        directions = Directions(
            table.modules,
            {part.name: draw(part.out_features) for part in table.modules},
            {part.name: draw(part.in_features) for part in table.modules},
        )
        network.requires_grad_(False)
        work = Work(network, examples, table.modules, batch_size, directions)
        gc.collect()
        peak, start = Peak(), time.perf_counter()
        try:
            with peak_memory("cpu") as peak:
                outcome = outcome_of(module, work)
        except Exception as error:  # another package's failure is a finding, not ours to raise
            outcome = Outcome(note=f"failed: {type(error).__name__}: {str(error)[:200]}")
        seconds = time.perf_counter() - start
        if name.startswith("layercard"):
            ours |= outcome.values
        agreement = difference(ours, dict(outcome.values))
        rows.append(Row(name, seconds, peak.bytes, agreement, outcome.note))
    packages = ("torch", "transformers", "peft", "kronfluence", "curvlinops-for-pytorch")
    record = {
        "model": model,
        "data": "demo task" if data is None else str(data),
        "sequences": num_samples,
        "versions": {package: _version(package) for package in packages},
        "rows": [vars(row) for row in rows],
    }
    if output is not None:
        write_json(output, record)
    emit(record, _table(rows), as_json=as_json)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except ImportError:
        return None


def _table(rows: list[Row]) -> Table:
    table = Table(title="same model, same batches")
    for column in ("package", "seconds", "over ours", "peak GiB", "difference from ours", "note"):
        table.add_column(column)
    base = rows[0].seconds
    for row in rows:
        table.add_row(
            row.name,
            f"{row.seconds:.2f}",
            f"{row.seconds / base:.2f}",
            "-" if row.bytes is None else f"{row.bytes / 2**30:.2f}",
            ", ".join(f"{kind} {value:.1e}" for kind, value in row.agreement.items()) or "-",
            row.note,
        )
    return table


if __name__ == "__main__":
    application(prog_name="python -m realmodel.bench.peers")
