"""One fine-tuning run: a checkpoint, a placement, a protocol."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import Any

from realmodel.datasets import Example
from realmodel.finetuning.generation import generation_scores
from realmodel.finetuning.loss import heldout_loss, starting_loss
from realmodel.finetuning.measurement import forward_latency, peak_memory_bytes, size_in_bytes
from realmodel.finetuning.result import FinetuneResult, Forgetting
from realmodel.finetuning.saved_adapter import save_adapter
from realmodel.finetuning.training import diverged, train
from realmodel.model.adapter import adapted, adapter_parameters
from realmodel.model.batches import EncodedExample, batches, padding_id
from realmodel.model.checkpoint import Checkpoint
from realmodel.model.lora_protocol import FinetuneOptions
from realmodel.model.modules import AdaptedModule


def finetune(
    checkpoint: Checkpoint,
    training: Sequence[EncodedExample],
    heldout: Sequence[EncodedExample],
    modules: Sequence[AdaptedModule],
    options: FinetuneOptions,
    *,
    ranks: Mapping[str, int] | None = None,
    loss_before: float | None = None,
    other: Sequence[EncodedExample] = (),
    other_before: float | None = None,
    folder: Path | None = None,
    save_every: int = 0,
    measure_latency: bool = False,
    generate_for: Sequence[Example] = (),
    max_new_tokens: int = 64,
    on_step: Callable[[int], None] | None = None,
) -> FinetuneResult:
    """Train LoRA adapters on ``modules`` and measure the held-out loss before and after.

    Parameters
    ----------
    checkpoint : Checkpoint
        Its model is left as it was.
    training, heldout : sequence of EncodedExample
        From :func:`realmodel.model.batches.encode`.
    modules : sequence of AdaptedModule
        From :func:`target_modules`.
    options : FinetuneOptions
        The protocol.
    ranks : mapping of str to int, optional
        Modules of another rank than the protocol's, by full name.
    loss_before : float, optional
        Held-out loss of the bare model when it is known already; measured otherwise.
    other : sequence of EncodedExample
        Text of another kind, whose loss before and after says what the run forgets.
    other_before : float, optional
        Its loss under the bare model when it is known already; measured otherwise.
    folder : Path, optional
        Saves the state here, and continues one that is found here; at the end the adapter too, in
        ``adapter/``, as ``PeftModel.from_pretrained`` loads it.
    save_every : int
        Steps between two saves (0: at the end alone).
    measure_latency : bool
        Time forward passes with unmerged adapters.
    generate_for : sequence of Example
        Generate for these prompts and score against their references.
    max_new_tokens : int
        Longest generated completion.
    on_step : callable, optional
        Called with the number of steps done.

    Returns
    -------
    FinetuneResult

    Raises
    ------
    InputError
        As :func:`adapted` and :func:`train`; when a held-out loss is not finite.
    """
    pad_id = padding_id(checkpoint.tokenizer)
    batch_size = options.heldout_batch_size
    if loss_before is None:
        loss_before = starting_loss(checkpoint.model, heldout, batch_size=batch_size, pad_id=pad_id)
    if other and other_before is None:
        other_before = starting_loss(checkpoint.model, other, batch_size=batch_size, pad_id=pad_id)
    identity: dict[str, Any] = {
        "model": checkpoint.digest,
        "modules": [module.name for module in modules],
        "options": options.to_dict(),
        "ranks": dict(ranks or {}),
        "data": data_digest(training),
        "arithmetic": checkpoint.dtype,
    }
    with adapted(checkpoint.model, modules, options, ranks) as peft_model:
        record = train(
            peft_model,
            training,
            options,
            pad_id=pad_id,
            folder=folder,
            save_every=save_every,
            identity=identity,
            on_step=on_step,
        )
        if folder is not None:
            save_adapter(peft_model, folder / "adapter")
        loss_after = heldout_loss(peft_model, heldout, batch_size=batch_size, pad_id=pad_id)
        if not isfinite(loss_after):
            raise diverged(f"the held-out loss is {loss_after} after the last step", options)
        forgetting = None
        if other_before is not None:
            other_after = heldout_loss(peft_model, other, batch_size=batch_size, pad_id=pad_id)
            forgetting = Forgetting(other_before, other_after, data_digest(other))
        parameters = adapter_parameters(peft_model)
        device = next(iter(parameters.values())).device
        first = next(batches(heldout, batch_size=batch_size, pad_id=pad_id)).to(device)
        return FinetuneResult(
            layers=tuple(sorted({module.layer for module in modules})),
            modules=tuple(module.name for module in modules),
            options=options,
            ranks=dict(ranks or {}),
            loss_before=loss_before,
            loss_after=loss_after,
            training_losses=record.losses,
            trainable_parameters=sum(value.numel() for value in parameters.values()),
            adapter_bytes=size_in_bytes(parameters),
            tokens_per_second=record.tokens / record.seconds if record.tokens else None,
            seconds=record.seconds,
            peak_memory_bytes=peak_memory_bytes(device),
            latency=forward_latency(peft_model, first) if measure_latency else None,
            generation=generation_scores(
                peft_model,
                checkpoint.tokenizer,
                generate_for,
                batch_size=batch_size,
                max_new_tokens=max_new_tokens,
            )
            if generate_for
            else None,
            model=checkpoint.source,
            model_digest=checkpoint.digest,
            device=str(device),
            forgetting=forgetting,
        )


def data_digest(encoded: Sequence[EncodedExample]) -> str:
    """SHA-256 over token ids and labels, in order."""
    digest = hashlib.sha256()
    for example in encoded:
        digest.update(f"{example.input_ids}{example.labels}".encode())
    return f"sha256:{digest.hexdigest()}"
