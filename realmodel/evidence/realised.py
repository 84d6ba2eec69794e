"""Fine-tune every placement with every seed, and keep what each run gained."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from realmodel.evidence.options import CompareOptions
from realmodel.evidence.run_store import RunStore
from realmodel.finetuning import finetune, target_modules
from realmodel.finetuning.loss import heldout_loss
from realmodel.model.batches import EncodedExample, padding_id
from realmodel.model.checkpoint import Checkpoint
from realmodel.model.modules import ModuleTable
from theory.arrays import Array, Float64

KEPT = (
    "layers",
    "loss_before",
    "loss_after",
    "gain",
    "trainable_parameters",
    "adapter_bytes",
    "tokens_per_second",
    "seconds",
    "peak_memory_bytes",
)


def realise(
    checkpoint: Checkpoint,
    training: Sequence[EncodedExample],
    heldout: Sequence[EncodedExample],
    table: ModuleTable,
    placements: Mapping[str, tuple[int, ...]],
    options: CompareOptions,
    store: RunStore,
    *,
    on_run: Callable[[], None] | None = None,
) -> dict[tuple[int, ...], Float64[Array, " seeds"]]:
    """Realised gains in nats per completion token, by placement, one per seed.

    Seeds are the outer loop: after a third of the time of three seeds there is a complete,
    noisier comparison. Runs found in ``store`` are not repeated.
    """
    distinct = tuple(dict.fromkeys(placements.values()))
    pad_id = padding_id(checkpoint.tokenizer)
    loss_before: float | None = None
    gains: dict[tuple[int, ...], list[float]] = {layers: [] for layers in distinct}
    for seed in range(options.seeds):
        for layers in distinct:
            record = store.read(layers, seed)
            if record is None:
                if loss_before is None:
                    loss_before = heldout_loss(
                        checkpoint.model,
                        heldout,
                        batch_size=options.finetune.heldout_batch_size,
                        pad_id=pad_id,
                    )
                result = finetune(
                    checkpoint,
                    training,
                    heldout,
                    target_modules(table, layers=layers),
                    replace(options.finetune, seed=seed),
                    loss_before=loss_before,
                ).to_json()
                record = {key: result[key] for key in KEPT} | {"seed": seed}
                store.write(layers, seed, record)
            gains[layers].append(float(record["gain"]))
            if on_run is not None:
                on_run()
    return {layers: np.array(values) for layers, values in gains.items()}
