"""Training steps of several placements at once: copies of a model that share its weights."""

import copy
import random
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import torch
from peft import LoraConfig
from scipy.stats import binom

from realmodel.costs.checkpointing import Checkpointing, checkpointed
from realmodel.measure.attention import attention
from realmodel.model.batches import Batch, completion_loss
from realmodel.model.lora_config import lora_config_arguments
from realmodel.model.modules import AdaptedModule
from realmodel.model.peft_adapters import peft_adapters
from realmodel.runs.stopwatch import Clock, elapsed
from theory.arrays import Array, Float64

Step = Callable[[], None]


@contextmanager
def live_steps(
    model: Any,
    placements: Sequence[Sequence[AdaptedModule]],
    batch: Batch,
    *,
    rank: int,
    kind: Checkpointing,
) -> Generator[list[Step]]:
    """A step of every placement, each ready to run at any time.

    Parameters
    ----------
    model : transformers model
        Its weights are used, and it stays as it is.
    placements : sequence of sequence of AdaptedModule
        Modules with peft's adapters.
    batch : Batch
        On the model's device.
    rank : int
    kind : {"none", "reentrant", "non-reentrant"}
        Gradient checkpointing.
    """
    weights = {id(tensor): tensor for tensor in (*model.parameters(), *model.buffers())}
    with ExitStack() as stack:
        steps: list[Step] = []
        for modules in placements:
            own = copy.deepcopy(model, dict(weights))
            layers = sorted({module.layer for module in modules})
            config = LoraConfig(**lora_config_arguments(layers, modules, rank))
            stack.enter_context(attention(own, "sdpa"))
            adapted = stack.enter_context(peft_adapters(own, config))
            stack.enter_context(checkpointed(own, kind))
            steps.append(training_step(adapted, batch))
        yield steps


def training_step(adapted: Any, batch: Batch) -> Step:
    """Forward, backward and AdamW on one batch, at learning rate zero; AdamW has its state."""
    trainable = [p for p in adapted.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(trainable, lr=0.0)
    for parameter in trainable:
        parameter.grad = torch.zeros_like(parameter)
    optimiser.step()
    optimiser.zero_grad()

    def step() -> None:
        loss, count = completion_loss(adapted, batch)
        (loss / max(count, 1)).backward()
        optimiser.step()
        optimiser.zero_grad()

    return step


def in_rounds(
    steps: Sequence[Step],
    device: torch.device,
    clock: Clock,
    *,
    seconds: float,
    at_least: int,
    settled: Callable[[Float64[Array, "r n"]], bool] = lambda rounds: False,
    finished: Callable[[int], None] = lambda rounds: None,
) -> Float64[Array, "r n"]:
    """Seconds of every step in every round, each round in an order of its own.

    A machine that is shared slows down for seconds at a time, by half and more. It does so to all
    steps of a round alike: compare them within rounds, not by their fastest.

    Parameters
    ----------
    steps : sequence of callable
        Already run once.
    device : torch.device
    clock : callable
        Seconds.
    seconds : float
        No further round is begun after so many.
    at_least : int
        Rounds also beyond that time.
    settled : callable
        Told the rounds that are done: whether fewer are enough.
    finished : callable
        Told how many rounds are done.
    """
    shuffled, begin, rounds = random.Random(0), clock(), list[list[float]]()
    while (
        not rounds
        or clock() - begin < seconds
        or (len(rounds) < at_least and not settled(np.array(rounds)))
    ):
        times = [0.0] * len(steps)
        for at in shuffled.sample(range(len(steps)), len(steps)):
            times[at] = elapsed(steps[at], device, clock)
        rounds.append(times)
        finished(len(rounds))
    return np.array(rounds)


def median_interval(values: Float64[Array, " n"]) -> tuple[float, float]:
    """95% interval of the median by order statistics; from the least to the largest of few.

    Examples
    --------
    >>> median_interval(np.arange(14.0))
    (2.0, 11.0)
    """
    ordered, n = np.sort(values), len(values)
    out = max(int(binom.ppf(0.025, n, 0.5)) - 1, 0)
    return float(ordered[out]), float(ordered[n - 1 - out])
