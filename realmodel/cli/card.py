"""``layercard card``: measure which layers of a model matter on a task."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Group

from realmodel.cli.claim import claim
from realmodel.cli.data_options import reading, tell_columns
from realmodel.cli.gathered import gathered
from realmodel.cli.layers import parse_layers
from realmodel.cli.loading import Loading
from realmodel.cli.protocol import RunOptions, announce
from realmodel.cli.unused import say_unused
from realmodel.datasets import ReadOptions
from realmodel.runs.console import (
    AsJson,
    OutputDir,
    Seed,
    Verbose,
    emit,
    say,
    stage_lines,
    stderr,
    stdout,
)
from theory import InputError

WITH_CARD = frozenset({"saved", "finetuned", "verbose", "output_dir", "seed", "as_json"})
"""Parameters that mean something where a card is only read."""

MOST_TRIALS = 9999
"""More layers than any model has."""

if TYPE_CHECKING:
    from realmodel.card import CardOptions, LayerCard
    from realmodel.datasets import Example


DEFAULT_SAMPLES = 512


@gathered(reading=reading, run=RunOptions, loading=Loading)
def card(
    reading: ReadOptions,
    run: RunOptions,
    loading: Loading,
    context: typer.Context,
    model: Annotated[str | None, typer.Option(help="Checkpoint: a folder or a hub id.")] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            help="File (JSONL, JSON, CSV, TSV, Parquet, Arrow, E2E, WebNLG, DART), folder, or hub "
            "data set."
        ),
    ] = None,
    saved: Annotated[
        Path | None,
        typer.Option("--card", help="Measure nothing: read this card.json and write it again."),
    ] = None,
    finetuned: Annotated[
        list[Path] | None,
        typer.Option(help="finetune.json whose results go onto the card; may be repeated."),
    ] = None,
    estimate: Annotated[
        bool,
        typer.Option("--estimate", help="Only say how long each stage takes, and its memory."),
    ] = False,
    num_samples: Annotated[
        int | None,
        typer.Option(min=1, help="Examples to draw; 512 by default, or all if there are fewer."),
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, max=65_536, help="Sequences per pass.")] = 8,
    modules: Annotated[
        list[str] | None,
        typer.Option(help="Pattern of modules to measure; may be repeated."),
    ] = None,
    ridge: Annotated[
        float, typer.Option(min=0, help="Share of the mean eigenvalue added to moments.")
    ] = 1e-3,
    tangent_samples: Annotated[
        int, typer.Option(min=1, help="Examples for that prediction, drawn at random.")
    ] = 256,
    draws: Annotated[
        int, typer.Option(min=1, help="Label draws behind its curvature: a backward pass each.")
    ] = 1,
    pilot: Annotated[
        bool | None,
        typer.Option(
            "--pilot/--no-pilot",
            show_default="pilot, from 64 examples on",
            help="Also train all layers, and the recommended ones, for as many steps as take about "
            "as long again: how much of the predicted gain comes true, and whether the planned run "
            "overshoots.",
        ),
    ] = None,
    trials: Annotated[
        int,
        typer.Option(
            min=0,
            max=MOST_TRIALS,
            help="Also train this many single layers, spread over the depth, as the pilot does: "
            "10 order placements of a deep model best.",
        ),
    ] = 0,
    exact_curvature: Annotated[
        bool,
        typer.Option(
            "--exact-curvature",
            help="Also the exact Gauss-Newton curvature in a few directions: see --estimate.",
        ),
    ] = False,
    directions: Annotated[
        int, typer.Option(min=1, help="Directions per module of the exact curvature.")
    ] = 4,
    damping: Annotated[
        float, typer.Option(min=0, help="Added to the diagonal of the exact curvature.")
    ] = 0.0,
    curvature_samples: Annotated[
        int, typer.Option(min=1, help="Examples behind the exact curvature and the intervals.")
    ] = 64,
    interval: Annotated[
        list[str] | None,
        typer.Option(
            help="Layers, such as 0-2,8, whose gain with every weight free Lanczos brackets; "
            "may be repeated."
        ),
    ] = None,
    interval_products: Annotated[
        int, typer.Option(min=1, max=1000, help="Gauss-Newton products behind a bracket.")
    ] = 8,
    interval_damping: Annotated[
        float, typer.Option(help="Ridge of that curvature, in the metric of Sigma and Gamma.")
    ] = 1.0,
    max_length: Annotated[
        int | None, typer.Option(min=2, help="Longest sequence; the model's window by default.")
    ] = None,
    too_long: Annotated[
        Literal["error", "skip"], typer.Option(help="Longer sequences: refuse, or leave out.")
    ] = "error",
    partitions: Annotated[
        int, typer.Option(min=1, help="Passes over the data: more passes, less memory.")
    ] = 1,
    offload: Annotated[
        Literal["none", "cpu", "disk"],
        typer.Option(help="Keep running sums on the device, the host or disk."),
    ] = "none",
    calibrate: Annotated[
        bool, typer.Option(help="Measure time, memory and latency on this device.")
    ] = True,
    gradient_checkpointing: Annotated[
        Literal["none", "reentrant", "non-reentrant"],
        typer.Option(help="What the planned run uses: its costs are measured with it."),
    ] = "none",
    packing: Annotated[
        int | None,
        typer.Option(
            show_default="padded",
            help="Tokens of a row where the planned run packs its sequences: as above.",
        ),
    ] = None,
    resume_dir: Annotated[
        Path | None,
        typer.Option(help="Keep running sums here; a killed run continues from them."),
    ] = None,
    verbose: Verbose = False,
    output_dir: OutputDir = None,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Measure a Layer Card for a planned training run; ends with a recommendation.

    The run that you will train (--rank, --alpha, --learning-rate, --steps, --train-batch-size) is
    what the card predicts, and what place and finetune take from it.

    Writes card.json, card.md, card.html and quadratic.npz to the output folder
    (out/card by default).
    """
    from realmodel import report
    from realmodel.card import CardOptions, LayerCard
    from realmodel.card.measured import read_runs, with_finetuning
    from realmodel.measure.gauss_newton import CurvatureOptions, LanczosOptions
    from realmodel.measure.pass_options import PassOptions
    from realmodel.model.lora_protocol import FinetuneOptions
    from realmodel.model.window import Window
    from realmodel.runs import processes

    if (saved is None) == (model is None or data is None):
        raise InputError("pass --model and --data to measure a card, or --card to read one")
    if saved is not None:
        _refuse_measuring(context)
    if offload == "disk" and resume_dir is None:
        raise InputError("--offload disk needs a folder: pass --resume-dir")
    exact = None if exact_curvature else "--exact-curvature"
    say_unused(
        context,
        {
            "directions": exact,
            "damping": exact,
            "curvature_samples": None if interval else exact,
            "interval_products": None if interval else "--interval",
            "interval_damping": None if interval else "--interval",
            "gradient_checkpointing": None if calibrate else "--calibrate",
            "packing": None if calibrate else "--calibrate",
            **dict.fromkeys(
                ("finetuned", "resume_dir", "output_dir", "verbose"),
                "a card, and --estimate measures none" if estimate else None,
            ),
        },
    )
    for path in finetuned or ():
        read_runs(path)
    folder = output_dir or Path("out/card")
    if not estimate:
        claim(folder, resume_dir, files=("card.json", "card.md", "card.html"))
    if saved is not None:
        made = LayerCard.load(saved)
    else:
        protocol = run.of(FinetuneOptions(), seed)
        options = CardOptions(
            protocol=protocol,
            window=Window(max_length, too_long),
            one_pass=PassOptions(batch_size, tangent_samples, draws, partitions, offload),
            ridge=ridge,
            modules=tuple(modules) if modules else None,
            pilot=pilot,
            trials=trials,
            exact_curvature=exact_curvature,
            curvature=CurvatureOptions(directions, damping, curvature_samples),
            intervals=tuple(parse_layers(layers) for layers in interval or ()),
            lanczos=LanczosOptions(interval_products, interval_damping),
            gradient_checkpointing=gradient_checkpointing,
            packing=packing,
            calibrate=calibrate,
        )
        if trials and pilot is False:
            raise InputError(f"--trials {trials} needs the pilot: leave out --no-pilot")
        source = Source(str(model), data or Path(), num_samples, loading, reading)
        loading.preflight(source.model)
        if estimate:
            show_estimate(source, options, as_json=as_json)
            return
        announce(protocol, "planned run")
        with processes.joined():
            made = measured(source, options, resume_dir)
            made = replace(made, data={**made.data, "reading": source.named(max_length)})
            first = processes.place()[0] == 0
        if not first:  # one process of torchrun writes for all
            return
        if finetuned:  # whatever those files hold, what took hours is kept
            report.write_card(made, folder)
    for path in finetuned or ():
        made = with_finetuning(made, path)
    for row in made.measured:
        if row.get("not_comparable"):
            say(
                f"layers {row['layers']}: not comparable with the prediction, "
                f"{row['not_comparable']}"
            )
    written = report.write_card(made, folder)
    shown = Group(
        report.table(made, width=stdout.width, verbose=verbose),
        report.verdict_text(report.verdict(made)),
    )
    emit(made.to_dict(), shown, as_json=as_json)
    if not as_json:
        commands = report.next_commands(made, None, str(folder / "card.json"), "out/place")
        typer.echo(f"\nnext:\n{commands}")
    for path in written:
        say(f"wrote {path}")


def _refuse_measuring(context: typer.Context) -> None:
    """Refuse options that would measure, beside a card that is only read.

    Raises
    ------
    InputError
        Naming the first.
    """
    for option in context.command.params:
        name = str(option.name)
        source = context.get_parameter_source(name)
        if name in WITH_CARD or source is None or source.name != "COMMANDLINE":
            continue
        raise InputError(
            f"{option.opts[0]} has no meaning with --card, which measures nothing: leave it out, "
            "or measure with --model and --data"
        )


@dataclass(frozen=True)
class Source:
    """Which model and which examples, as the user named them."""

    model: str
    data: Path
    num_samples: int | None
    loading: Loading
    reading: ReadOptions

    def named(self, max_length: int | None) -> "dict[str, Any]":
        """How the data were read, where that is not the default: commands that follow do alike."""
        found = {"num_samples": self.num_samples, "max_length": max_length}
        return self.reading.named() | {key: size for key, size in found.items() if size is not None}

    def examples(self, seed: int) -> "tuple[Example, ...]":
        """The examples to measure on."""
        from realmodel.datasets import read_examples

        return read_examples(
            self.data,
            num_samples=self.num_samples,
            at_most=DEFAULT_SAMPLES,
            seed=seed,
            options=self.reading,
            tell=tell_columns,
        )


def measured(source: Source, options: "CardOptions", resume_dir: Path | None) -> "LayerCard":
    """Measure a card under progress bars."""
    from realmodel.card import measure_card

    examples = source.examples(options.seed)
    checkpoint = source.loading.load(source.model)
    with stage_lines() as tell:
        return measure_card(
            checkpoint,
            examples,
            options,
            source=str(source.data),
            work_dir=resume_dir,
            progress=tell,
            warn=lambda text: stderr.print(f"warning: {text}", style="yellow", markup=False),
        )


def show_estimate(source: Source, options: "CardOptions", *, as_json: bool) -> None:
    """Print time and memory of each stage; nothing but the tokenizer runs."""
    import torch
    from rich.table import Table

    from realmodel.card.estimate import PROCESS_BYTES, expected_stages, fewest_partitions
    from realmodel.model.checkpoint import empty_model, load_tokenizer
    from realmodel.model.modules import find_modules
    from realmodel.model.vocabulary import check_tokens, embedding_rows
    from realmodel.runs.host_memory import host_memory
    from realmodel.runs.numbers import amount

    loading = source.loading
    model = empty_model(source.model, trust_remote_code=loading.trust_remote_code)
    tokenizer = load_tokenizer(source.model, trust_remote_code=loading.trust_remote_code)
    encoded = options.window.encoded(source.examples(options.seed), model, tokenizer)
    check_tokens(encoded, embedding_rows(model))
    dtype = getattr(torch, loading.dtype or "float32")
    modules = find_modules(model, options.modules).modules
    stages = expected_stages(model, encoded, modules, options, device=loading.device, dtype=dtype)
    rows = Table("stage", "time", "memory", title=f"estimate for {len(encoded)} sequences")
    rows.title_justify = rows.caption_justify = "left"
    for stage in stages:
        rows.add_row(
            stage.stage, amount(stage.seconds, "seconds"), amount(float(stage.memory), "bytes")
        )
    rows.caption = "times within a factor of two; memory of the large arrays"
    # Where the model is not on the host, only sums and rows are.
    free, own = host_memory()[0], PROCESS_BYTES
    if loading.device == "cpu":
        own = max(stage.memory - stage.host for stage in stages[:1])
    record: dict[str, Any] = {"stages": [asdict(stage) for stage in stages], "partitions": None}
    if own + max(stage.host for stage in stages) > free:
        left = free - own + PROCESS_BYTES
        count = fewest_partitions(model, encoded, modules, options, dtype=dtype, host_bytes=left)
        record["partitions"] = count
        rows.caption += f"\n{amount(float(free), 'bytes')} are free on the host: " + (
            "too few for one layer at a time, whatever the partitions"
            if count is None
            else f"--partitions {count} --offload disk fits"
        )
    emit(record, rows, as_json=as_json)
