"""``layercard card``: measure which layers of a model matter on a task."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import TaskID

from realmodel.cli.console import AsJson, OutputDir, Seed, emit, progress, stderr
from theory import InputError

if TYPE_CHECKING:
    from realmodel.card import LayerCard


class Offload(StrEnum):
    """Where the running sums live."""

    none = "none"
    cpu = "cpu"
    disk = "disk"


class TooLong(StrEnum):
    """What to do with a sequence that exceeds the window."""

    error = "error"
    skip = "skip"


Model = Annotated[str, typer.Option(help="Checkpoint: a folder or a hub id.")]
Task = Annotated[
    Path, typer.Option(help="E2E, WebNLG, DART or prompt/completion file, plain or .gz.")
]


def card(
    model: Model,
    data: Task,
    num_samples: Annotated[
        int | None, typer.Option(min=1, help="Examples to draw; all by default.")
    ] = 512,
    batch_size: Annotated[int, typer.Option(min=1, help="Sequences per pass.")] = 8,
    modules: Annotated[
        list[str] | None,
        typer.Option(help="Pattern of modules to measure; may be repeated."),
    ] = None,
    directions: Annotated[int, typer.Option(min=1, help="Directions per module.")] = 4,
    rank: Annotated[int, typer.Option(min=1, help="LoRA rank of costs and exports.")] = 8,
    alpha: Annotated[float | None, typer.Option(help="lora_alpha; 2 x rank by default.")] = None,
    ridge: Annotated[
        float, typer.Option(min=0, help="Share of the mean eigenvalue added to moments.")
    ] = 1e-3,
    damping: Annotated[
        float, typer.Option(min=0, help="Added to the diagonal of the curvature.")
    ] = 0.0,
    curvature_samples: Annotated[
        int, typer.Option(min=1, help="Examples that the curvature is measured on.")
    ] = 64,
    max_length: Annotated[
        int | None, typer.Option(min=2, help="Longest sequence; the model's window by default.")
    ] = None,
    too_long: Annotated[
        TooLong, typer.Option(help="Longer sequences: refuse, or leave out.")
    ] = TooLong.error,
    partitions: Annotated[
        int, typer.Option(min=1, help="Passes over the data: more passes, less memory.")
    ] = 1,
    offload: Annotated[
        Offload, typer.Option(help="Keep running sums on the device, the host or disk.")
    ] = Offload.none,
    dtype: Annotated[
        str | None, typer.Option(help="float16, bfloat16, float32 or float64; the checkpoint's.")
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1 or auto (several).")] = "cpu",
    trust_remote_code: Annotated[
        bool, typer.Option("--trust-remote-code", help="Run code that comes with the checkpoint.")
    ] = False,
    calibrate: Annotated[
        bool, typer.Option(help="Measure time, memory and latency on this device.")
    ] = True,
    resume_dir: Annotated[
        Path | None,
        typer.Option(help="Keep running sums here; a killed run continues from them."),
    ] = None,
    output_dir: OutputDir = None,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Measure a Layer Card; prints it with its bounds.

    Writes card.json, card.md, card.html and quadratic.npz to the output folder
    (out/card by default).
    """
    from realmodel.card import CardOptions, build_card
    from realmodel.card.table import table
    from realmodel.checkpoint import load_checkpoint
    from realmodel.datasets import read_examples

    if offload is Offload.disk and resume_dir is None:
        raise InputError("--offload disk needs a folder: pass --resume-dir")
    options = CardOptions(
        directions=directions,
        rank=rank,
        alpha=alpha,
        ridge=ridge,
        damping=damping,
        batch_size=batch_size,
        max_length=max_length,
        too_long=too_long.value,
        modules=tuple(modules) if modules else None,
        curvature_samples=curvature_samples,
        partitions=partitions,
        offload=offload.value,
        calibrate=calibrate,
        seed=seed,
    )
    examples = read_examples(data, num_samples=num_samples, seed=seed)
    checkpoint = load_checkpoint(
        model, dtype=dtype, device=device, trust_remote_code=trust_remote_code
    )
    with progress() as bar:
        stages: dict[str, TaskID] = {}

        def tell(stage: str, done: int, total: int) -> None:
            if stage not in stages:
                stages[stage] = bar.add_task(stage, total=total)
            bar.update(stages[stage], completed=done, total=total)

        made = build_card(
            checkpoint, examples, options, source=str(data), work_dir=resume_dir, progress=tell
        )
    written = write_card(made, output_dir or Path("out/card"))
    emit(made.to_dict(), table(made), as_json=as_json)
    for path in written:
        stderr.print(f"wrote {path}", soft_wrap=True)


def write_card(made: "LayerCard", folder: Path) -> tuple[Path, ...]:
    """Write the card in its three forms, all rendered before the first file appears."""
    from realmodel.card.atomic import write_atomically

    texts = {"card.md": made.to_markdown(), "card.html": made.to_html()}
    written = [made.save(folder / "card.json")]
    written += [write_atomically(folder / name, text) for name, text in texts.items()]
    return tuple(written)
