"""``layercard compare``: does a score predict what fine-tuning gains?"""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Group
from rich.markdown import Markdown
from rich.text import Text

from realmodel.cli.claim import claim
from realmodel.cli.data_options import READING, reading, tell_columns
from realmodel.cli.gathered import gathered
from realmodel.cli.layers import parse_layers
from realmodel.cli.loading import Loading
from realmodel.cli.protocol import BatchRunOptions, announce
from realmodel.cli.unused import say_unused
from realmodel.datasets import ReadOptions
from realmodel.runs.console import AsJson, OutputDir, Seed, emit, say, stage_lines
from realmodel.runs.printable import printable
from theory import InputError


@gathered(reading=reading, run=BatchRunOptions, loading=Loading)
def compare(
    reading: ReadOptions,
    run: BatchRunOptions,
    loading: Loading,
    context: typer.Context,
    model: Annotated[
        str, typer.Option(help="Checkpoint: a folder, a hub id, demo:gpt2 or demo:qwen3.")
    ],
    data: Annotated[
        Path | None, typer.Option(help="Training data; the demo task for demo checkpoints.")
    ] = None,
    heldout: Annotated[
        Path | None, typer.Option(help="Held-out data; by default a fifth of the prompts.")
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Of the task, in tables; the data's file name.")
    ] = None,
    other: Annotated[
        Path | None, typer.Option(help="Text of another kind: how much of it does a run forget?")
    ] = None,
    sizes: Annotated[str, typer.Option(help="Layers per placement, such as 2,5,10.")] = "4",
    placements: Annotated[
        int, typer.Option(min=3, max=10_000, help="Placements of each size.")
    ] = 30,
    singles: Annotated[
        int | None,
        typer.Option(min=1, show_default="all", help="Single layers, spread uniformly."),
    ] = None,
    seeds: Annotated[
        int, typer.Option(min=1, max=1000, help="Fine-tuning runs per placement.")
    ] = 2,
    training_samples: Annotated[int, typer.Option(help="Sequences to train on.")] = 256,
    heldout_samples: Annotated[int, typer.Option(help="Sequences to measure on.")] = 96,
    max_length: Annotated[int, typer.Option(help="Leave longer sequences out.")] = 72,
    without: Annotated[
        list[str] | None, typer.Option(help="Leave a score out, by its name; repeat it for more.")
    ] = None,
    exact_curvature: Annotated[
        bool,
        typer.Option(
            "--exact-curvature", help="For the scores that need it; minutes to hours (see below)."
        ),
    ] = False,
    directions: Annotated[int, typer.Option(help="Directions per module.")] = 2,
    curvature_samples: Annotated[
        int, typer.Option(help="Sequences behind the Gauss-Newton curvature.")
    ] = 32,
    damping: Annotated[float, typer.Option(help="Added to the curvature's diagonal.")] = 0.1,
    run_dtype: Annotated[
        str | None,
        typer.Option(
            show_default="of the scores", help="Arithmetic of the runs; --dtype is of the scores."
        ),
    ] = None,
    output_dir: OutputDir = None,
    train: Annotated[
        bool, typer.Option("--train/--no-train", help="--no-train: only with the runs at hand.")
    ] = True,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Fine-tune single layers and placements, and set every score against what they gain.

    --exact-curvature measures the Gauss-Newton curvature in a few directions of every module by
    forward-mode derivatives: minutes on a miniature, hours on a model of 135 million parameters.

    Every finished run is kept in the output folder (out/compare by default): a killed command
    continues. Writes comparison.json and comparison.md.
    """
    from realmodel.demo import checkpoint_source
    from realmodel.demo.embedded import PREFIX
    from realmodel.demo.measure import PROTOCOL
    from realmodel.evidence import CompareOptions, Task
    from realmodel.evidence import compare as compared
    from realmodel.evidence.examples import other_text, task_examples
    from realmodel.finetuning import FinetuneOptions
    from realmodel.measure.gauss_newton import CurvatureOptions
    from realmodel.model.modules import find_modules
    from theory.whole_file import write_json, write_whole

    folder = output_dir or Path("out/compare")
    exact = None if exact_curvature else "--exact-curvature"
    of_data = dict.fromkeys(("heldout", *READING), None if data is not None else "--data")
    say_unused(
        context,
        {"directions": exact, "damping": exact, "curvature_samples": exact, **of_data},
    )
    if folder.resolve() == Path(model).resolve():
        raise InputError(
            f"the output folder {str(folder)!r} is the checkpoint's own, and what is kept there "
            "would become part of it: choose another"
        )
    claim(folder, files=("comparison.json", "comparison.md"))
    own_task = data is None and model.startswith(PREFIX)
    protocol = run.of(PROTOCOL if own_task else FinetuneOptions(), 0)
    options = CompareOptions(
        sizes=parse_layers(sizes),
        placements=placements,
        singles=singles,
        seeds=seeds,
        training_samples=training_samples,
        heldout_samples=heldout_samples,
        max_length=max_length,
        exact_curvature=exact_curvature,
        curvature=CurvatureOptions(directions, damping, curvature_samples),
        finetune=protocol,
        seed=seed,
    )
    announce(protocol, "every run")
    loading.preflight(checkpoint_source(model))
    default, training, held = task_examples(model, data, heldout, options, reading, tell_columns)
    checkpoint = loading.load(checkpoint_source(model))
    apart = other_text(other, options) if other else ()
    task = Task.from_examples(name or default, checkpoint, training, held, options, other=apart)
    trained = None
    if run_dtype not in (None, checkpoint.dtype):
        trained = loading.load(checkpoint_source(model), dtype=run_dtype)
    with stage_lines() as tell:
        result = compared(
            checkpoint,
            task,
            find_modules(checkpoint.model),
            options,
            folder,
            trained=trained,
            train=train,
            without=without or (),
            progress=tell,
        )
    write_json(folder / "comparison.json", result.to_dict())
    write_whole(folder / "comparison.md", result.to_markdown())
    shown = Group(Markdown(result.to_markdown()), Text(), Text(printable(result.conclusion())))
    emit(result.to_dict(), shown, as_json=as_json)
    say(f"wrote {folder / 'comparison.json'} and comparison.md")
