"""A callback that brings back what checkpointing trainers take from high placements."""

from typing import Any

import torch
from transformers import TrainerCallback

from theory import InputError


class StopBelowAdapters(TrainerCallback):
    """Let backward stop at the lowest adapted layer, under non-reentrant checkpointing too.

    For transformers' ``Trainer`` and TRL's: with ``gradient_checkpointing`` and
    ``use_reentrant=False``, pass ``callbacks=[StopBelowAdapters()]``. Without it the embeddings
    require a gradient and adapters of the last layers cost nearly as much as those of the first.

    Notes
    -----
    Its hook is registered when training begins, thus behind those that trainers set before, and
    cuts the graph where they extend it; ``disable_input_require_grads`` removes only the last.
    """

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Cut the graph behind the embeddings.

        Raises
        ------
        InputError
            When the run uses reentrant checkpointing, which trains nothing without that gradient.
        """
        options = getattr(args, "gradient_checkpointing_kwargs", None) or {}
        if args.gradient_checkpointing and options.get("use_reentrant", False):
            raise InputError(
                "reentrant checkpointing needs the gradient of the embeddings: train with "
                "gradient_checkpointing_kwargs={'use_reentrant': False}"
            )
        self._hook = kwargs["model"].get_input_embeddings().register_forward_hook(_cut)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Take the hook away again."""
        self._hook.remove()


def _cut(module: Any, inputs: Any, output: torch.Tensor) -> torch.Tensor:
    return output.detach()
