"""``layercard finetune``: LoRA on any placement, several seeds, measured."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Group
from rich.progress import Progress, TaskID
from rich.table import Table
from rich.text import Text

from realmodel.cli.claim import claim
from realmodel.cli.data_options import reads_data, tell_columns
from realmodel.cli.layers import parse_layers
from realmodel.cli.preflight import preflight
from realmodel.cli.protocol import (
    Alpha,
    BatchSize,
    LearningRate,
    Rank,
    Steps,
    announce,
    planned,
)
from realmodel.cli.unused import say_unused
from realmodel.datasets import ReadOptions
from realmodel.runs.console import AsJson, OutputDir, Seed, emit, progress, say
from realmodel.runs.numbers import joined, number
from realmodel.runs.printable import printable
from theory import InputError

if TYPE_CHECKING:
    from realmodel.model.lora_protocol import FinetuneOptions
    from realmodel.placement.saved_placement import SavedPlacement


@reads_data
def finetune(
    reading: ReadOptions,
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
    rank: Rank = None,
    alpha: Alpha = None,
    learning_rate: LearningRate = None,
    steps: Steps = None,
    train_batch_size: BatchSize = None,
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
    dtype: Annotated[str | None, typer.Option(help="Arithmetic; the checkpoint's.")] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1 or auto.")] = "cpu",
    trust_remote_code: Annotated[
        bool, typer.Option("--trust-remote-code", help="Run code of the checkpoint.")
    ] = False,
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
    from realmodel.finetuning import finetune as run
    from realmodel.model.checkpoint import load_checkpoint
    from realmodel.model.modules import find_modules
    from realmodel.model.vocabulary import check_tokens, embedding_rows
    from realmodel.model.window import Window
    from realmodel.placement.saved_placement import SavedPlacement
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
    claim(output_dir)
    saved = None if placement is None else SavedPlacement.load(placement)
    if saved is not None and (layers is not None or modules is not None or rank is not None):
        raise InputError("a placement has its own modules and ranks: leave out the other options")
    if saved is None and model is None:
        raise InputError("name the checkpoint by --model, or a placement of one by --placement")
    chosen = None if layers is None else list(parse_layers(layers))
    names = modules if saved is None else list(saved.ranks)
    first = planned(
        FinetuneOptions() if saved is None else saved.protocol,
        rank=rank,
        alpha=alpha,
        learning_rate=learning_rate,
        steps=steps,
        train_batch_size=train_batch_size,
        seed=seed,
    )
    options = [replace(first, seed=seed + index) for index in range(seeds)]
    source = str(model if model is not None or saved is None else saved.model)
    preflight(source, device=device, trust_remote_code=trust_remote_code)
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
    checkpoint = load_checkpoint(
        source, dtype=dtype, device=device, attention="sdpa", trust_remote_code=trust_remote_code
    )
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
            result = run(
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
    shown = Group(table(results, predicted), Text(summary(results, predicted)))
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


def summary(results: list[dict[str, Any]], predicted: dict[str, Any] | None = None) -> str:
    """The mean over seeds, its share of what all layers gain, and predicted against realised.

    Examples
    --------
    >>> runs = [{"gain": 0.3, "loss_before": 2.0}, {"gain": 0.5, "loss_before": 2.0}]
    >>> summary(runs)
    'Gained 0.4 ± 0.1 nats per token over 2 seeds (± one standard error), of a loss of 2.'
    >>> found = {"gain": 0.6, "not_comparable": None, "all_layers": {"gain": 0.8, "trained": 0.5}}
    >>> for sentence in summary(runs, found).split(". ")[1:]:
    ...     print(sentence)
    That is 80% of the 0.5 that training all layers gained
    Predicted were 0.6: training realised 0.667 times the prediction.
    """
    gains = [float(run["gain"]) for run in results]
    mean, spread = fmean(gains), ""
    if len(gains) > 1:
        error = number(stdev(gains) / len(gains) ** 0.5)
        spread = f" ± {error}"
    seeds = f"over {len(gains)} seeds (± one standard error)" if spread else "with one seed"
    text = f"Gained {number(mean)}{spread} nats per token {seeds}, of a loss of "
    text += f"{number(results[0]['loss_before'])}."
    if predicted is None:
        return text
    if (reason := predicted["not_comparable"]) is not None:
        return f"{text} The prediction is not of this run: {reason}."
    text += _of_all_layers(mean, predicted)
    text += f" Predicted were {number(predicted['gain'])}"
    if predicted["gain"] > 0:
        times = number(mean / predicted["gain"])
        text += f": training realised {times} times the prediction"
    return f"{text}."


def _of_all_layers(mean: float, predicted: dict[str, Any]) -> str:
    """The share of the gain of all layers: trained where it is known, or as predicted."""
    whole = predicted.get("all_layers", {})
    trained, gain = whole.get("trained"), whole.get("gain")
    if trained:
        share, all_of_them = f"{mean / trained:.0%}", number(trained)
        return f" That is {share} of the {all_of_them} that training all layers gained."
    if gain:
        share = f"{predicted['gain'] / gain:.0%}"
        return f" Of the gain of all layers, which were not trained, {share} was predicted."
    return ""


def advanced(bar: Progress, line: TaskID, done: int) -> None:
    """Move a progress bar to ``done``."""
    bar.update(line, completed=done)


def table(results: list[dict[str, Any]], predicted: dict[str, Any] | None = None) -> Table:
    """One row per seed, and below them what was predicted."""
    layers = joined(results[0]["layers"])
    title = Text(printable(f"{results[0]['model']}: layers {layers}"))
    rows = Table(title=title, title_justify="left", caption_justify="left")
    if predicted is not None:
        reason = predicted["not_comparable"]
        level = "of this run" if reason is None else f"not comparable: {reason}"
        rows.caption = f"predicted gain {predicted['gain']:.4f}, {level}"
    for heading in ("seed", "loss before", "after", "gain", "tokens/s", "adapter", "peak memory"):
        rows.add_column(heading, justify="right")
    with_latency = results[0]["latency"] is not None
    with_scores = results[0]["generation"] is not None
    if with_latency:
        rows.add_column("latency", justify="right")
    if with_scores:
        rows.add_column("BLEU / chrF / TER", justify="right")
    for r in results:
        speed = r["tokens_per_second"]
        cells = [
            str(r["options"]["seed"]),
            f"{r['loss_before']:.4f}",
            f"{r['loss_after']:.4f}",
            f"{r['gain']:.4f}",
            "-" if speed is None else f"{speed:.0f}",
            f"{r['adapter_bytes'] / 1024:.0f} KiB",
            f"{r['peak_memory_bytes'] / 2**20:.0f} MiB",
        ]
        if with_latency:
            cells.append(f"{100 * r['latency']['overhead']:+.0f}%")
        if with_scores:
            g = r["generation"]
            cells.append(f"{g['bleu']:.1f} / {g['chrf']:.1f} / {g['ter']:.1f}")
        rows.add_row(*cells)
    return rows
