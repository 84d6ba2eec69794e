"""``python -m realmodel.bench``: what a card costs, in ratios of two times from one run."""

import platform
from collections.abc import Mapping
from dataclasses import asdict
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
from realmodel.runs.reported import reported
from theory.whole_file import write_json

application = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

Output = Annotated[Path | None, typer.Option(help="Write the record as JSON.")]


@application.callback()
def main() -> None:
    """Benchmarks of the bridge."""
    keep_freed_memory()  # as every layercard command does


@application.command()
@reported()
def costs(
    model: Annotated[str, typer.Argument(help="Checkpoint.")],
    data: Annotated[Path, typer.Option(help="Task whose sequences make the training step.")],
    batch_size: Annotated[int, typer.Option(min=1, help="Sequences of the step.")] = 8,
    rank: Annotated[int, typer.Option(min=1)] = 8,
    card: Annotated[
        Path | None, typer.Option(help="Card of the model: its layer of the largest gain is top-1.")
    ] = None,
    top: Annotated[
        int, typer.Option(min=0, help="Without a card: position of the layer of largest gain.")
    ] = 0,
    dtype: Annotated[str, typer.Option(help="float32 or bfloat16")] = "float32",
    packing: Annotated[
        int | None, typer.Option(min=1, help="Tokens of a row that sequences are packed into.")
    ] = None,
    checkpointing: Annotated[
        list[str] | None, typer.Option(help="A kind to look at, repeated; all by default.")
    ] = None,
    seconds: Annotated[float, typer.Option(min=0, help="For each calibration.")] = 10.0,
    rounds: Annotated[int, typer.Option(min=1)] = 10,
    output: Output = None,
    as_json: AsJson = False,
) -> None:
    """Predicted against measured time and memory of placements, by kind of checkpointing."""
    from realmodel.bench.costs import compare_costs, largest_error
    from realmodel.costs.checkpointing import CHECKPOINTING, Checkpointing, checkpointing_kind
    from realmodel.costs.packing import packed
    from realmodel.datasets import read_examples
    from realmodel.measure.random_subset import random_subset
    from realmodel.model.batches import batches, encode
    from realmodel.model.checkpoint import load_checkpoint
    from realmodel.model.forward import window_of

    kinds: list[Checkpointing] = [
        checkpointing_kind(name) for name in checkpointing or CHECKPOINTING
    ]
    if card is not None:
        top = _top(card)
    checkpoint = load_checkpoint(model, dtype=dtype)
    encoded = encode(
        read_examples(data, at_most=512),
        checkpoint.tokenizer,
        max_length=window_of(checkpoint.model),
        too_long="skip",
    )
    drawn = random_subset(len(encoded), min(batch_size, len(encoded)), 0)
    chosen = [encoded[at] for at in drawn]
    if packing is None:
        (batch,) = batches(chosen, batch_size=len(chosen), pad_id=0)
    else:
        batch = packed(chosen, packing, pad_id=0)
    rows = compare_costs(
        checkpoint.model,
        batch,
        top=top,
        rank=rank,
        packing=packing,
        kinds=kinds,
        seconds=seconds,
        rounds=rounds,
        tell=lambda text: stderr.print(f"{text} ...", highlight=False),
    )
    record = _record(costs=[row.to_dict() for row in rows], largest_error=largest_error(rows))
    _write(output, record)
    shape = "x".join(map(str, batch.input_ids.shape))
    table = Table(title=f"{model}: shares of adapting every layer, a step of {shape} tokens")
    for head in ("checkpointing", "placement", "time", "measured", "95%", "memory", "measured"):
        table.add_column(head)
    for row in rows:
        table.add_row(
            row.checkpointing,
            row.placement,
            f"{row.time_predicted:.0%}",
            f"{row.time_measured:.0%}",
            f"{row.time_low:.0%} to {row.time_high:.0%}",
            f"{row.memory_predicted:.0%}",
            f"{row.memory_measured:.0%}",
        )
    emit(record, table, as_json=as_json)


def _top(path: Path) -> int:
    """Position of the layer that gains most by itself."""
    from realmodel.card import LayerCard

    measured = LayerCard.load(path)
    quadratic = measured.predictor().quadratic
    return max(range(len(measured.layers)), key=lambda at: quadratic.gain([at]))


@application.command()
@reported()
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
    from realmodel.measure.pass_options import PassOptions

    measured: list[CardTiming] = []
    record: dict[str, Any] = {}
    passing = PassOptions(
        batch_size,
        partitions=partitions,
        offload=offload,  # type: ignore[arg-type]  # refused if unknown
    )
    for name in models or ["gpt2-mini"]:
        stderr.print(f"{name} ...", highlight=False)
        measured.append(
            time_card(
                name,
                data=data,
                num_samples=num_samples,
                length=length,
                device=device,
                passing=passing,
                calibrate=calibrate,
                rounds=rounds,
            )
        )
        _write(output, record := _record(timings=[asdict(m) for m in measured]))
    table = Table(title="layercard card against one plain forward + backward pass")
    heads = ("model", "device", "sequences", "tokens", "plain s", "card s", "ratio", "of processor"
             " time", "floor", "plain GiB", "card GiB (expected)", "stages")  # fmt: skip
    for column in heads:
        table.add_column(column, justify="right")
    for m in measured:
        stages = ", ".join(
            f"{stage} {own:.1f}"
            + (f" (expected {m.expected[stage]:.1f})" if stage in m.expected else "")
            for stage, own in m.stages.items()
        )
        table.add_row(
            m.model, m.device, str(m.sequences), str(m.tokens), f"{m.training_seconds:.1f}",
            f"{m.card_seconds:.1f}", f"{m.ratio:.2f}",
            "-" if m.processor_ratio is None else f"{m.processor_ratio:.2f}", f"{m.floor:.2f}",
            _gib(m.training_bytes), f"{_gib(m.card_bytes)} ({_gib(m.expected_bytes)})", stages,
        )  # fmt: skip
    emit(record, table, as_json=as_json)


@application.command()
@reported()
def curvature(
    model: Annotated[
        str, typer.Argument(help="Checkpoint: hub id, folder or demo:NAME.")
    ] = "demo:gpt2",
    data: Annotated[
        Path | None, typer.Option(help="As for `layercard card`; the demo task by default.")
    ] = None,
    modules: Annotated[
        list[str] | None, typer.Option(help="Pattern of modules; may be repeated.")
    ] = None,
    sequences: Annotated[list[int] | None, typer.Option(min=2, help="May be repeated.")] = None,
    draws: Annotated[list[int] | None, typer.Option(min=1, help="May be repeated.")] = None,
    directions: Annotated[int, typer.Option(min=1, help="Per module.")] = 1,
    learning_rate: Annotated[float, typer.Option(help="Of the run, 40 steps.")] = 1e-2,
    output: Output = None,
    as_json: AsJson = False,
) -> None:
    """The pass's sampled curvature against the exact Gauss-Newton matrix."""
    from realmodel.bench.curvature import compare_curvatures
    from realmodel.datasets import read_examples
    from realmodel.demo.embedded import checkpoint_source
    from realmodel.demo.generator import examples as demo_task
    from realmodel.model.batches import encode
    from realmodel.model.checkpoint import load_checkpoint
    from realmodel.model.forward import window_of
    from realmodel.model.lora_protocol import FinetuneOptions
    from realmodel.model.modules import find_modules

    counts = sequences or [32]
    checkpoint = load_checkpoint(checkpoint_source(model))
    drawn = demo_task(max(counts)) if data is None else read_examples(data, num_samples=max(counts))
    found = compare_curvatures(
        checkpoint,
        encode(drawn, checkpoint.tokenizer, max_length=window_of(checkpoint.model)),
        find_modules(checkpoint.model, modules).modules,
        FinetuneOptions(rank=8, alpha=16, steps=40, learning_rate=learning_rate),
        sequences=counts,
        draws=draws or [1, 2, 8],
        directions=directions,
    )
    _write(output, record := _record(model=model, rows=[asdict(row) for row in found]))
    table = Table(title=f"sampled curvature over the exact one: {model}")
    heads = ("sequences", "draws", "sets", "matrix error", "order of layers", "gain", "off by",
             "rho", "exact rho")  # fmt: skip
    for column in heads:
        table.add_column(column, justify="right")
    for row in found:
        table.add_row(
            str(row.sequences), str(row.draws), str(row.sets), f"{row.matrix_error:.0%}",
            f"{row.order:.2f}", f"{row.gain:.2f}", f"{row.gain_error:.0%}",
            f"{row.coupling:.3f}", f"{row.exact_coupling:.3f}",
        )  # fmt: skip
    emit(record, table, as_json=as_json)


@application.command()
@reported()
def widths(
    sizes: Annotated[list[int] | None, typer.Argument(help="Widths d of d x d maps.")] = None,
    output: Output = None,
    as_json: AsJson = False,
) -> None:
    """Seconds of the profiles' stage for one module of each width, and how they grow."""
    from realmodel.bench.widths import time_profile

    found = [time_profile(size) for size in sizes or [1024, 2048, 4096, 8192, 12288]]
    _write(output, record := _record(rows=[row.to_dict() for row in found]))
    table = Table(title="profiles of one d x d module, processor seconds")
    for column in ("d", "factors", "spectrum", "whitening", "singular values", "in all", "growth"):
        table.add_column(column, justify="right")
    before = None
    for row in found:
        growth = "-" if before is None else f"d^{row.exponent(before):.1f}"
        table.add_row(
            str(row.width), f"{row.factors:.2f}", f"{row.spectrum:.2f}", f"{row.whitening:.2f}",
            f"{row.singular_values:.2f}", f"{row.total:.2f}", growth,
        )  # fmt: skip
        before = row
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
        write_json(output, record)


def _gib(count: int | None) -> str:
    return "-" if count is None else f"{count / 2**30:.2f}"


if __name__ == "__main__":
    application(prog_name="python -m realmodel.bench")
