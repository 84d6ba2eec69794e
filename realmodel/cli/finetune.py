"""``layercard finetune``: LoRA on any placement, several seeds, measured."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Group
from rich.progress import Progress, TaskID
from rich.text import Text

from realmodel.cli.claim import claim
from realmodel.cli.data_options import reading, tell_columns
from realmodel.cli.gathered import gathered
from realmodel.cli.layers import parse_layers
from realmodel.cli.loading import Loading
from realmodel.cli.protocol import BatchRunOptions, announce
from realmodel.cli.unused import say_unused
from realmodel.datasets import ReadOptions
from realmodel.runs.console import AsJson, OutputDir, Seed, emit, progress, say
from theory import InputError

if TYPE_CHECKING:
    from realmodel.model.lora_protocol import FinetuneOptions
    from realmodel.placement.saved_placement import SavedPlacement


@gathered(reading=reading, run=BatchRunOptions, loading=Loading)
def finetune(
    reading: ReadOptions,
    run: BatchRunOptions,
    loading: Loading,
    context: typer.Context,
    data: Annotated[Path, typer.Option(help="Training data, any format that card reads.")],
    model: Annotated[
        str | None,
        typer.Option(help="Checkpoint: a folder or a hub id; the placement's by default."),
    ] = None,
    heldout: Annotated[
        Path | None, typer.Option(help="Held-out data; by default a fifth of the prompts.")
    ] = None,
    heldout_split: Annotated[
        str | None, typer.Option(help="Split of the held-out data; that of --split.")
    ] = None,
    placement: Annotated[
        Path | None,
        typer.Option(
            help="placement.json of layercard place: its modules, ranks and training run."
        ),
    ] = None,
    layers: Annotated[
        str | None, typer.Option(help="Layers to adapt, such as 0-2,8; all by default.")
    ] = None,
    modules: Annotated[
        list[str] | None, typer.Option(help="Full module name instead of layers; repeatable.")
    ] = None,
    seeds: Annotated[
        int, typer.Option(min=1, max=1000, help="Runs, with seeds SEED, SEED+1, ...")
    ] = 1,
    num_samples: Annotated[
        int | None, typer.Option(min=2, help="Examples to draw from the data.")
    ] = 1024,
    heldout_samples: Annotated[int, typer.Option(min=1, help="Held-out examples.")] = 256,
    max_length: Annotated[
        int | None, typer.Option(min=2, help="Leave longer sequences out; the model's window.")
    ] = None,
    generate: Annotated[
        int, typer.Option(min=0, help="Held-out prompts to generate for and score.")
    ] = 0,
    max_new_tokens: Annotated[int, typer.Option(min=1, help="Longest generation.")] = 64,
    latency: Annotated[bool, typer.Option(help="Time unmerged adapters.")] = True,
    save_every: Annotated[
        int, typer.Option(min=0, help="Steps between saves; with an output folder.")
    ] = 50,
    output_dir: OutputDir = None,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Train LoRA adapters and measure the held-out loss before and after.

    With --placement the modules, their ranks and the training run are those that layercard place
    wrote; options change the run, and then the prediction is marked as not of this run.

    With an output folder the runs are saved there, each with its adapter in adapter/ as
    PeftModel.from_pretrained loads it, and a killed command continues.
    """
    from realmodel.datasets import read_examples
    from realmodel.datasets.split import not_trained, split_by_prompt
    from realmodel.finetuning import FinetuneOptions, target_modules
    from realmodel.finetuning import finetune as train
    from realmodel.model.modules import find_modules
    from realmodel.model.vocabulary import check_tokens, embedding_rows
    from realmodel.model.window import Window
    from realmodel.placement.saved_placement import SavedPlacement
    from realmodel.report.realised import realised, runs_table
    from theory.whole_file import write_json

    folder = None if output_dir is not None else "--output-dir"
    say_unused(
        context,
        {
            "heldout_split": None if heldout is not None else "--heldout",
            "save_every": folder,
            "max_new_tokens": None if generate else "--generate",
        },
    )
    claim(output_dir, files=("finetune.json",))
    saved = None if placement is None else SavedPlacement.load(placement)
    if saved is not None and (layers is not None or modules is not None or run.rank is not None):
        raise InputError("a placement has its own modules and ranks: leave out the other options")
    if saved is None and model is None:
        raise InputError("name the checkpoint by --model, or a placement of one by --placement")
    chosen = None if layers is None else list(parse_layers(layers))
    names = modules if saved is None else list(saved.ranks)
    first = run.of(FinetuneOptions() if saved is None else saved.protocol, seed)
    options = [replace(first, seed=seed + index) for index in range(seeds)]
    source = str(model if model is not None or saved is None else saved.model)
    loading.preflight(source)
    announce(first, "training run" if saved is None else "training run of the placement")
    examples = read_examples(
        data, at_most=num_samples, seed=seed, options=reading, tell=tell_columns
    )
    if heldout is None:
        examples, held = split_by_prompt(examples, seed=seed)
    else:
        held = read_examples(
            heldout,
            at_most=heldout_samples,
            seed=seed,
            options=reading.of_other_data(heldout, heldout_split),
        )
        fresh = not_trained(held, examples)
        if len(fresh) < len(held):
            say(
                f"{len(held) - len(fresh)} held-out examples left out: their prompts are trained on"
            )
        held = fresh
    held = held[:heldout_samples]
    checkpoint = loading.load(source, attention="sdpa")
    targets = target_modules(find_modules(checkpoint.model), layers=chosen, names=names)
    window = Window(max_length, too_long="skip")
    training, measured = (
        window.encoded(rows, checkpoint.model, checkpoint.tokenizer) for rows in (examples, held)
    )
    check_tokens((*training, *measured), embedding_rows(checkpoint.model))
    prompts = tuple(dict.fromkeys(example.group for example in held))[:generate]
    results: list[dict[str, Any]] = []
    loss_before: float | None = None
    with progress() as bar:
        for protocol in options:
            line = bar.add_task(f"seed {protocol.seed}", total=protocol.steps)
            result = train(
                checkpoint,
                training,
                measured,
                targets,
                protocol,
                ranks=None if saved is None else saved.other_ranks,
                loss_before=loss_before,
                folder=output_dir / f"seed-{protocol.seed}" if output_dir else None,
                save_every=save_every,
                measure_latency=latency,
                generate_for=[example for example in held if example.group in prompts],
                max_new_tokens=max_new_tokens,
                on_step=partial(advanced, bar, line),
            )
            loss_before = result.loss_before
            results.append(result.to_dict())
    predicted = None if saved is None else prediction(saved, first, checkpoint.digest)
    record = {"runs": results, "predicted": predicted}
    if output_dir is not None:
        say(f"wrote {write_json(output_dir / 'finetune.json', record)}")
        for protocol in options:
            say(f"adapter: {output_dir / f'seed-{protocol.seed}' / 'adapter'}")
    shown = Group(runs_table(results, predicted), Text(realised(results, predicted)))
    emit(record, shown, as_json=as_json)


def prediction(saved: "SavedPlacement", ran: "FinetuneOptions", digest: str) -> dict[str, Any]:
    """What the placement promised, and why that is not of this run where it is not."""
    return {
        "placement": saved.source,
        "predictor": saved.predictor,
        "gain": saved.predicted_gain,
        "all_layers": {"gain": saved.whole_gain, "trained": saved.whole_trained},
        "not_comparable": saved.not_comparable(ran, digest),
    }


def advanced(bar: Progress, line: TaskID, done: int) -> None:
    """Move a progress bar to ``done``."""
    bar.update(line, completed=done)
