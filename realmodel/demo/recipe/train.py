"""The recipe of the embedded checkpoints: ``python -m realmodel.demo.recipe.train``.

Draws the text, trains tokenizer and model, measures held-out loss of the text and of the task,
and writes a checkpoint folder in transformers format with ``training.json`` beside it.
"""

import json
import platform
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import tokenizers
import torch
import transformers
import typer

from realmodel.demo.generator import examples
from realmodel.demo.recipe import miniature
from realmodel.demo.recipe.headroom import fine_tuned_loss, task_loss
from realmodel.demo.recipe.pretrain import Schedule, heldout_loss, pack, pretrain
from realmodel.demo.recipe.prose import passages
from realmodel.demo.recipe.tokenizer import train_tokenizer
from realmodel.model.batches import encode, padding_id
from realmodel.runs.console import OutputDir, Seed, progress
from theory import InputError
from theory.whole_file import write_whole

TRAIN_SEED, HELDOUT_SEED = 11, 12
TASK_TRAIN_SEED, TASK_HELDOUT_SEED = 21, 22
CURVE_EVERY = 20
Architectures = Annotated[
    list[str] | None, typer.Option("--architecture", help="gpt2 or qwen3; both if absent.")
]


def train(
    architecture: str,
    folder: Path,
    *,
    schedule: Schedule | None = None,
    seed: int = 0,
    task_examples: int = 1600,
    heldout_passages: int = 400,
    heldout_examples: int = 256,
) -> dict[str, Any]:
    """Make one embedded checkpoint.

    Parameters
    ----------
    architecture : str
        "gpt2" or "qwen3".
    folder : Path
        Gets config.json, model.safetensors (float16), the tokenizer and training.json.
    schedule : Schedule, optional
        Steps, batch size and learning rate.
    seed : int
        Of the initial weights; the text seeds are fixed.
    task_examples : int
        Examples of the short full fine-tune that measures the headroom.
    heldout_passages, heldout_examples : int
        What the losses of text and task are measured on.

    Returns
    -------
    dict
        The content of training.json: losses in nats per token, seeds, versions, seconds.

    Raises
    ------
    InputError
        When the architecture is unknown.
    """
    schedule = schedule or Schedule()
    started = time.perf_counter()
    model = miniature.build(architecture, seed=seed)
    rows_needed = schedule.steps * schedule.batch_size
    texts = passages(2000 + 2 * rows_needed, TRAIN_SEED)
    tokenizer = train_tokenizer(
        texts[:8000], vocab_size=miniature.VOCABULARY, window=miniature.WINDOW
    )
    rows = pack(texts, tokenizer, miniature.WINDOW)
    if len(rows) < rows_needed:
        raise InputError(f"{rows_needed} rows needed, {len(rows)} drawn; lower the steps")
    heldout = pack(passages(heldout_passages, HELDOUT_SEED), tokenizer, miniature.WINDOW)
    before = heldout_loss(model, heldout)
    curve: list[tuple[int, float]] = []
    with progress() as bar:
        task = bar.add_task(f"pretrain {architecture}", total=schedule.steps)
        recent: list[float] = []

        def on_step(step: int, loss: float) -> None:
            recent.append(loss)
            if (step + 1) % CURVE_EVERY == 0:
                curve.append((step + 1, round(sum(recent) / len(recent), 4)))
                recent.clear()
            bar.update(task, advance=1, description=f"pretrain {architecture}, loss {loss:.2f}")

        pretrain(model, rows[:rows_needed], schedule, on_step)
    folder.mkdir(parents=True, exist_ok=True)
    model.half().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    # Measure what is on disk: the rounded weights.
    model = model.float()
    pad = padding_id(tokenizer)
    task_train, task_heldout = (
        encode(examples(count, seed=task_seed), tokenizer, max_length=miniature.WINDOW)
        for count, task_seed in (
            (task_examples, TASK_TRAIN_SEED),
            (heldout_examples, TASK_HELDOUT_SEED),
        )
    )
    record = {
        "architecture": architecture,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "schedule": asdict(schedule),
        "tokens": rows_needed * miniature.WINDOW,
        "seeds": {
            "weights": seed,
            "text": TRAIN_SEED,
            "heldout_text": HELDOUT_SEED,
            "task": TASK_TRAIN_SEED,
            "heldout_task": TASK_HELDOUT_SEED,
        },
        "heldout_text_loss": {"before": before, "after": heldout_loss(model, heldout)},
        "heldout_task_loss": {
            "pretrained": task_loss(model, task_heldout, pad),
            "after_full_finetune": fine_tuned_loss(model, task_train, task_heldout, pad),
            "finetune_examples": task_examples,
        },
        "curve": curve,
        "threads": torch.get_num_threads(),
        "seconds": round(time.perf_counter() - started, 1),
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "tokenizers": tokenizers.__version__,
        },
    }
    write_whole(folder / "training.json", json.dumps(record, allow_nan=False) + "\n")
    return record


def main(
    output_dir: OutputDir = None,
    architecture: Architectures = None,
    steps: Annotated[int, typer.Option(min=1)] = Schedule.steps,
    seed: Seed = 0,
) -> None:
    """Pretrain the miniature checkpoints of the demo."""
    output_dir = output_dir or Path("out/demo-checkpoints")
    for name in architecture or miniature.ARCHITECTURES:
        record = train(name, output_dir / name, schedule=Schedule(steps=steps), seed=seed)
        typer.echo(json.dumps({key: record[key] for key in record if key != "curve"}, indent=1))


if __name__ == "__main__":
    typer.run(main)
