"""``python -m realmodel.bench``: what a card costs, in ratios of two times from one run."""

import json
import platform
from collections.abc import Mapping
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from rich.table import Table

from realmodel.bench.models import SIZES
from realmodel.runs.allocator import keep_freed_memory
from realmodel.runs.console import AsJson, emit, stderr
from theory import InputError

application = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

Output = Annotated[Path | None, typer.Option(help="Write the record as JSON.")]


@application.callback()
def main() -> None:
    """Benchmarks of the bridge."""
    keep_freed_memory()  # as every layercard command does


@application.command()
def costs(
    model: Annotated[str, typer.Argument(help="Checkpoint.")],
    data: Annotated[Path, typer.Option(help="Task whose sequences make the training step.")],
    batch_size: Annotated[int, typer.Option(min=1, help="Sequences of the step.")] = 8,
    rank: Annotated[int, typer.Option(min=1)] = 8,
    top: Annotated[int, typer.Option(min=0, help="Position of the layer of largest gain.")] = 0,
    seconds: Annotated[float, typer.Option(min=0, help="For each calibration.")] = 10.0,
    rounds: Annotated[int, typer.Option(min=1)] = 3,
    output: Output = None,
    as_json: AsJson = False,
) -> None:
    """Predicted against measured time and memory of placements, by kind of checkpointing."""
    from realmodel.bench.costs import compare_costs, largest_error
    from realmodel.datasets import read_examples
    from realmodel.measure.random_subset import random_subset
    from realmodel.model.batches import batches, encode
    from realmodel.model.checkpoint import load_checkpoint
    from realmodel.model.forward import window_of

    try:
        checkpoint = load_checkpoint(model)
        encoded = encode(
            read_examples(data, at_most=512),
            checkpoint.tokenizer,
            max_length=window_of(checkpoint.model),
            too_long="skip",
        )
        drawn = random_subset(len(encoded), min(batch_size, len(encoded)), 0)
        (batch,) = batches([encoded[at] for at in drawn], batch_size=len(drawn), pad_id=0)
        rows = compare_costs(
            checkpoint.model,
            batch,
            top=top,
            rank=rank,
            seconds=seconds,
            rounds=rounds,
            tell=lambda text: stderr.print(f"{text} ...", highlight=False),
        )
    except InputError as error:
        stderr.print(f"error: {error}", style="red", markup=False, soft_wrap=True)
        raise typer.Exit(2) from None
    record = _record(costs=[row.as_dict() for row in rows], largest_error=largest_error(rows))
    _write(output, record)
    table = Table(title=f"{model}: shares of adapting every layer, {tuple(batch.input_ids.shape)}")
    for head in ("checkpointing", "placement", "time", "measured", "memory", "measured"):
        table.add_column(head)
    for row in rows:
        shares = (row.time_predicted, row.time_measured, row.memory_predicted, row.memory_measured)
        table.add_row(row.checkpointing, row.placement, *(f"{share:.0%}" for share in shares))
    emit(record, table, as_json=as_json)


@application.command()
def card(
    models: Annotated[
        list[str] | None,
        typer.Argument(help=f"Checkpoints, or {', '.join(SIZES)} with random weights."),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Task of a checkpoint; random tokens without.")
    ] = None,
    num_samples: Annotated[int, typer.Option(min=1)] = 256,
    length: Annotated[int, typer.Option(min=4, help="Of random sequences, tokens.")] = 256,
    device: Annotated[str, typer.Option(help="cpu or cuda")] = "cpu",
    batch_size: Annotated[int, typer.Option(min=1)] = 8,
    partitions: Annotated[
        int, typer.Option(min=1, help="Groups of layers: less memory, more passes.")
    ] = 1,
    offload: Annotated[str, typer.Option(help="none, cpu or disk")] = "none",
    calibrate: Annotated[bool, typer.Option(help="With the costs' stage, as by default.")] = True,
    rounds: Annotated[int, typer.Option(min=1)] = 1,
    output: Output = None,
    as_json: AsJson = False,
) -> None:
    """The whole card over one plain forward and backward pass of the same sequences."""
    from realmodel.bench.card import CardTiming, time_card

    measured: list[CardTiming] = []
    try:
        for name in models or ["gpt2-mini"]:
            stderr.print(f"{name} ...", highlight=False)
            measured.append(
                time_card(
                    name,
                    data=data,
                    num_samples=num_samples,
                    length=length,
                    device=device,
                    batch_size=batch_size,
                    partitions=partitions,
                    offload=offload,
                    calibrate=calibrate,
                    rounds=rounds,
                )
            )
            _write(output, record := _record(timings=[m.as_dict() for m in measured]))
    except InputError as error:
        stderr.print(f"error: {error}", style="red", markup=False, soft_wrap=True)
        raise typer.Exit(2) from None
    table = Table(title="layercard card against one plain forward + backward pass")
    heads = ("model", "device", "sequences", "tokens", "plain s", "card s", "ratio",
             "of processor time", "floor", "plain GiB", "card GiB", "stages")  # fmt: skip
    for column in heads:
        table.add_column(column, justify="right")
    for m in measured:
        stages = ", ".join(f"{stage} {own:.0f}" for stage, own in m.stages.items())
        table.add_row(
            m.model, m.device, str(m.sequences), str(m.tokens), f"{m.training_seconds:.1f}",
            f"{m.card_seconds:.1f}", f"{m.ratio:.2f}",
            "-" if m.processor_ratio is None else f"{m.processor_ratio:.2f}", f"{m.floor:.2f}",
            _gib(m.training_bytes), _gib(m.card_bytes), stages,
        )  # fmt: skip
    emit(record, table, as_json=as_json)


def _record(**found: Any) -> dict[str, Any]:
    return {
        "date": date.today().isoformat(),
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads",
        "versions": {name: version(name) for name in ("torch", "transformers")},
        **found,
    }


def _write(output: Path | None, record: Mapping[str, Any]) -> None:
    if output is not None:  # after every model: the next one may not fit
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(json.dumps(record, indent=2) + "\n")


def _gib(count: int | None) -> str:
    return "-" if count is None else f"{count / 2**30:.2f}"


if __name__ == "__main__":
    application(prog_name="python -m realmodel.bench")
