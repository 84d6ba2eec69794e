"""How a command loads its checkpoint: in which arithmetic, where, and whether its code may run."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from realmodel.model.checkpoint import Checkpoint


@dataclass(frozen=True)
class Loading:
    """The options of every command that runs a model."""

    dtype: Annotated[
        str | None, typer.Option(help="float16, bfloat16, float32 or float64; the checkpoint's.")
    ] = None
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1 or auto (several).")] = "cpu"
    trust_remote_code: Annotated[
        bool, typer.Option("--trust-remote-code", help="Run code that comes with the checkpoint.")
    ] = False

    def preflight(self, model: str | Path) -> None:
        """Refuse, in seconds, what would fail after hours; only the configuration is read.

        Raises
        ------
        InputError
            A device that is not there, or a checkpoint of a kind that cannot be measured.
        """
        from realmodel.model.checkpoint import load_config  # imports torch
        from realmodel.model.device import check_device

        if self.device != "auto":
            check_device(self.device)
        load_config(str(model), trust_remote_code=self.trust_remote_code)

    def load(self, model: str | Path, **more: Any) -> "Checkpoint":
        """The checkpoint, as :func:`realmodel.model.checkpoint.load_checkpoint`."""
        from realmodel.model.checkpoint import load_checkpoint

        return load_checkpoint(model, **vars(self) | more)
