"""The training run that a command plans, predicts or trains: the same options everywhere."""

from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from realmodel.runs.console import say

if TYPE_CHECKING:
    from realmodel.model.lora_protocol import FinetuneOptions


class Checkpointing(StrEnum):
    """What the planned run recomputes instead of keeping."""

    none = "none"
    reentrant = "reentrant"
    non_reentrant = "non-reentrant"


# Ranges are checked by FinetuneOptions, in its own words.
Rank = Annotated[int | None, typer.Option(show_default="8", help="LoRA rank.")]
Alpha = Annotated[
    float | None, typer.Option(show_default="2 x rank", help="lora_alpha of that rank.")
]
LearningRate = Annotated[
    float | None,
    typer.Option(show_default="0.001", help="Of Adam's first step; falls linearly to zero."),
]
Steps = Annotated[
    int | None, typer.Option(show_default="100", help="Adam steps of the training run.")
]
TrainBatchSize = Annotated[
    int | None, typer.Option("--train-batch-size", show_default="8", help="Sequences per step.")
]
BatchSize = Annotated[  # where nothing else comes in batches, the short name says the same
    int | None,
    typer.Option("--train-batch-size", "--batch-size", show_default="8", help="Sequences a step."),
]


def planned(
    base: "FinetuneOptions",
    *,
    rank: int | None,
    alpha: float | None,
    learning_rate: float | None,
    steps: int | None,
    train_batch_size: int | None,
    seed: int,
) -> "FinetuneOptions":
    """``base`` with what the user set; alpha keeps its ratio to the rank unless it is set too."""
    given = {
        "rank": rank,
        "alpha": base.alpha / base.rank * rank if alpha is None and rank is not None else alpha,
        "learning_rate": learning_rate,
        "steps": steps,
        "batch_size": train_batch_size,
    }
    chosen = {name: value for name, value in given.items() if value is not None}
    return replace(base, **chosen, seed=seed)  # type: ignore[arg-type]  # checked when it is made


def announce(protocol: "FinetuneOptions", whose: str) -> None:
    """Say on stderr which run is meant, before hours go into it."""
    say(
        f"{whose}: {protocol.title} (falling linearly to zero), alpha {protocol.alpha:g}; change "
        "it by --learning-rate, --steps, --train-batch-size, --rank, --alpha"
    )
