"""The training run that a command plans, predicts or trains: the same options everywhere."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

import typer

from realmodel.runs.console import say

if TYPE_CHECKING:
    from realmodel.model.lora_protocol import FinetuneOptions

PANEL = "Training run"


@dataclass(frozen=True)
class RunOptions:
    """What the user set of the run; ranges are checked by FinetuneOptions, in its own words."""

    rank: Annotated[
        int | None, typer.Option(show_default="8", help="LoRA rank.", rich_help_panel=PANEL)
    ] = None
    alpha: Annotated[
        float | None,
        typer.Option(
            show_default="2 x rank", help="lora_alpha of that rank.", rich_help_panel=PANEL
        ),
    ] = None
    learning_rate: Annotated[
        float | None,
        typer.Option(
            show_default="0.001",
            help="Of Adam's first step; falls linearly to zero.",
            rich_help_panel=PANEL,
        ),
    ] = None
    steps: Annotated[
        int | None,
        typer.Option(
            show_default="100", help="Adam steps of the training run.", rich_help_panel=PANEL
        ),
    ] = None
    train_batch_size: Annotated[
        int | None,
        typer.Option(
            "--train-batch-size",
            show_default="8",
            help="Sequences per step.",
            rich_help_panel=PANEL,
        ),
    ] = None

    def of(self, base: "FinetuneOptions", seed: int) -> "FinetuneOptions":
        """``base`` with what is set; alpha keeps its ratio to the rank unless it is set too."""
        given = vars(self) | {"batch_size": self.train_batch_size}
        del given["train_batch_size"]
        if self.alpha is None and self.rank is not None:
            given["alpha"] = base.alpha / base.rank * self.rank
        return replace(base, **{k: v for k, v in given.items() if v is not None}, seed=seed)


@dataclass(frozen=True)
class BatchRunOptions(RunOptions):
    """The same where nothing else comes in batches, so that the short name says the same."""

    train_batch_size: Annotated[
        int | None,
        typer.Option(
            "--train-batch-size",
            "--batch-size",
            show_default="8",
            help="Sequences a step.",
            rich_help_panel=PANEL,
        ),
    ] = None


def announce(protocol: "FinetuneOptions", whose: str) -> None:
    """Say on stderr which run is meant, before hours go into it."""
    say(
        f"{whose}: {protocol.title} (falling linearly to zero), alpha {protocol.alpha:g}; change "
        "it by --learning-rate, --steps, --train-batch-size, --rank, --alpha"
    )
