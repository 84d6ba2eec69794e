"""``layercard finetune``: LoRA on any placement, several seeds, measured."""

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import Progress, TaskID
from rich.table import Table

from realmodel.cli.console import AsJson, OutputDir, Seed, emit, progress, stderr
from realmodel.cli.layers import parse_layers
from realmodel.cli.preflight import preflight


def finetune(
    model: Annotated[str, typer.Option(help="Checkpoint: a folder or a hub id.")],
    data: Annotated[Path, typer.Option(help="Training data, any format that card reads.")],
    heldout: Annotated[
        Path | None, typer.Option(help="Held-out data; by default a fifth of the prompts.")
    ] = None,
    layers: Annotated[
        str | None, typer.Option(help="Layers to adapt, such as 0-2,8; all by default.")
    ] = None,
    modules: Annotated[
        list[str] | None, typer.Option(help="Full module name instead of layers; repeatable.")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Runs, with seeds SEED, SEED+1, ...")] = 1,
    rank: Annotated[int, typer.Option(help="LoRA rank.")] = 8,
    alpha: Annotated[float | None, typer.Option(help="lora_alpha; 2 x rank by default.")] = None,
    learning_rate: Annotated[float, typer.Option(help="Of the first step; falls to zero.")] = 1e-3,
    steps: Annotated[int, typer.Option(help="Optimiser steps.")] = 100,
    batch_size: Annotated[int, typer.Option(help="Sequences per step.")] = 8,
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

    With an output folder the runs are saved there, and a killed command continues.
    """
    from realmodel.architectures import find_modules
    from realmodel.batches import encode
    from realmodel.checkpoint import load_checkpoint
    from realmodel.finetune import FinetuneOptions, target_modules
    from realmodel.finetune import finetune as run
    from realmodel.finetune.sample import read_at_most
    from realmodel.finetune.saved_run import write_json
    from realmodel.finetune.split import split_by_prompt
    from realmodel.model.coverage import check_vocabulary
    from realmodel.model.forward import window_of

    chosen = None if layers is None else list(parse_layers(layers))
    options = [
        FinetuneOptions(
            rank=rank,
            alpha=2.0 * rank if alpha is None else alpha,
            learning_rate=learning_rate,
            steps=steps,
            batch_size=batch_size,
            seed=seed + index,
        )
        for index in range(seeds)
    ]
    preflight(model, folders=(output_dir,), device=device, trust_remote_code=trust_remote_code)
    examples = read_at_most(data, num_samples, seed=seed)
    if heldout is None:
        examples, held = split_by_prompt(examples, seed=seed)
    else:
        held = read_at_most(heldout, heldout_samples, seed=seed)
    held = held[:heldout_samples]
    checkpoint = load_checkpoint(
        model, dtype=dtype, device=device, attention="sdpa", trust_remote_code=trust_remote_code
    )
    targets = target_modules(find_modules(checkpoint.model), layers=chosen, names=modules)
    window = max_length or window_of(checkpoint.model)
    training, measured = (
        encode(rows, checkpoint.tokenizer, max_length=window, too_long="skip")
        for rows in (examples, held)
    )
    check_vocabulary(checkpoint.model, (*training, *measured))
    prompts = tuple(dict.fromkeys(example.prompt for example in held))[:generate]
    results: list[dict[str, Any]] = []
    loss_before: float | None = None
    with progress() as bar:
        for protocol in options:
            advance = partial(advanced, bar, bar.add_task(f"seed {protocol.seed}", total=steps))
            result = run(
                checkpoint,
                training,
                measured,
                targets,
                protocol,
                loss_before=loss_before,
                folder=output_dir / f"seed-{protocol.seed}" if output_dir else None,
                save_every=save_every,
                measure_latency=latency,
                generate_for=[example for example in held if example.prompt in prompts],
                max_new_tokens=max_new_tokens,
                on_step=advance,
            )
            loss_before = result.loss_before
            results.append(result.to_json())
    record = {"runs": results}
    if output_dir is not None:
        write_json(output_dir / "finetune.json", record)
        stderr.print(f"wrote {output_dir / 'finetune.json'}", soft_wrap=True)
    emit(record, table(results), as_json=as_json)


def advanced(bar: Progress, line: TaskID, done: int) -> None:
    """Move a progress bar to ``done``."""
    bar.update(line, completed=done)


def table(results: list[dict[str, Any]]) -> Table:
    """One row per seed."""
    rows = Table(title=f"{results[0]['model']}: layers {results[0]['layers']}")
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
