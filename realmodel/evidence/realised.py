"""Fine-tune every placement with every seed, and keep what each run gained."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from realmodel.evidence.options import CompareOptions
from realmodel.evidence.run_store import RunStore
from realmodel.finetuning import finetune, target_modules
from realmodel.finetuning.loss import starting_loss
from realmodel.finetuning.run import data_digest
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
    "forgetting",
)


class _Before:
    """Loss of the bare model, measured when it is first asked for."""

    def __init__(self, checkpoint: Checkpoint, batch_size: int) -> None:
        self._checkpoint, self._batch_size = checkpoint, batch_size
        self._known: dict[int, float] = {}

    def __call__(self, encoded: Sequence[EncodedExample]) -> float:
        if id(encoded) not in self._known:
            self._known[id(encoded)] = starting_loss(
                self._checkpoint.model,
                encoded,
                batch_size=self._batch_size,
                pad_id=padding_id(self._checkpoint.tokenizer),
            )
        return self._known[id(encoded)]


def _knows(record: Mapping[str, Any], digest: str) -> bool:
    return (record.get("forgetting") or {}).get("data") == digest


def realise(
    checkpoint: Checkpoint,
    training: Sequence[EncodedExample],
    heldout: Sequence[EncodedExample],
    table: ModuleTable,
    placements: Mapping[str, tuple[int, ...]],
    options: CompareOptions,
    store: RunStore,
    *,
    other: Sequence[EncodedExample] = (),
    on_run: Callable[[], None] | None = None,
) -> dict[tuple[int, ...], Float64[Array, " seeds"]]:
    """Realised gains in nats per completion token, by placement, one per seed.

    Seeds are the outer loop: after a third of the time of three seeds there is a complete,
    noisier comparison. Runs found in ``store`` are not repeated, unless they do not know what they
    forgot of ``other``.
    """
    distinct = tuple(dict.fromkeys(placements.values()))
    before = _Before(checkpoint, options.finetune.heldout_batch_size)
    digest = data_digest(other) if other else None
    gains: dict[tuple[int, ...], list[float]] = {layers: [] for layers in distinct}
    for seed in range(options.seeds):
        for layers in distinct:
            record = store.read(layers, seed)
            if record is None or (digest and not _knows(record, digest)):
                result = finetune(
                    checkpoint,
                    training,
                    heldout,
                    target_modules(table, layers=layers),
                    replace(options.finetune, seed=seed),
                    loss_before=before(heldout),
                    other=other,
                    other_before=before(other) if other else None,
                ).to_dict()
                record = {key: result[key] for key in KEPT} | {"seed": seed}
                store.write(layers, seed, record)
            gains[layers].append(float(record["gain"]))
            if on_run is not None:
                on_run()
    return {layers: np.array(values) for layers, values in gains.items()}
