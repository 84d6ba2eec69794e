"""The demo's cards, one process per checkpoint: small models leave a second thread idle."""

import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, wait
from dataclasses import replace
from typing import Any

import torch

from realmodel.card import CardOptions, LayerCard, measure_card
from realmodel.demo.embedded import checkpoint_folder
from realmodel.demo.generator import examples
from realmodel.model.checkpoint import load_checkpoint
from realmodel.model.lora_protocol import FinetuneOptions
from realmodel.runs.allocator import keep_freed_memory
from theory.end_with_parent import end_with_parent

Tell = Callable[[str, str, int, int], None]
"""Told the checkpoint, the stage, how much of it is done, and of how much."""

PROTOCOL = FinetuneOptions(learning_rate=5e-3, steps=40)
"""The demo's run: models this small and this short a run need five times the usual rate.

With it and 256 records no promise exceeds the loss: fewer records overstate the gain, since
gradient and curvature come from the same ones, and at 0.01 even a thousand are too few for Qwen3.
"""


def measure(name: str, num_samples: int, seed: int, source: str, tell: Tell) -> LayerCard:
    """The card of one embedded checkpoint on records of the demo task.

    Parameters
    ----------
    name : str
        "gpt2" or "qwen3".
    num_samples : int
        Records of the task.
    seed : int
        Of the records and of the pass.
    source : str
        Where the records are, for the card and the commands after it.
    tell : callable
        Progress.

    Returns
    -------
    LayerCard

    Raises
    ------
    InputError
        As :func:`realmodel.demo.checkpoint_folder` and :func:`realmodel.card.measure_card`.
    """

    def progress(stage: str, done: int, total: int) -> None:
        tell(name, stage, done, total)

    return measure_card(
        load_checkpoint(checkpoint_folder(name)),
        examples(num_samples, seed=seed),
        CardOptions(protocol=replace(PROTOCOL, seed=seed)),
        source=source,
        progress=progress,
    )


def measure_all(
    names: Sequence[str], num_samples: int, seed: int, source: str, tell: Tell
) -> dict[str, LayerCard]:
    """:func:`measure` for several checkpoints, at the same time where there are cores for it."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    workers = min(len(names), cores or 1)
    if workers == 1:
        return {name: measure(name, num_samples, seed, source, tell) for name in names}
    # Spawned, not forked: torch's threads do not survive a fork.
    context = multiprocessing.get_context("spawn")
    queue = context.SimpleQueue()
    start = (queue, max(1, (cores or 1) // workers), os.getpid())
    with ProcessPoolExecutor(workers, context, initializer=_start, initargs=start) as pool:
        cards = {
            name: pool.submit(_measure_and_send, name, num_samples, seed, source) for name in names
        }
        while wait(cards.values(), timeout=0.1).not_done:
            while not queue.empty():
                tell(*queue.get())
        return {name: future.result() for name, future in cards.items()}


_queue: Any = None


def _start(queue: Any, threads: int, parent: int) -> None:
    global _queue
    _queue = queue
    end_with_parent(parent)
    keep_freed_memory()
    torch.set_num_threads(threads)


def _measure_and_send(name: str, num_samples: int, seed: int, source: str) -> LayerCard:
    def send(*message: Any) -> None:
        _queue.put(message)

    return measure(name, num_samples, seed, source, send)
