"""Fine-tune every placement with every seed, and keep what each run gained."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from realmodel.evidence.options import CompareOptions
from realmodel.evidence.run_store import RunStore
from realmodel.evidence.task import Task
from realmodel.finetuning import finetune, target_modules
from realmodel.finetuning.loss import starting_loss
from realmodel.finetuning.run import data_digest
from realmodel.measure.attention import attention
from realmodel.model.batches import EncodedExample, padding_id
from realmodel.model.checkpoint import Checkpoint
from realmodel.model.modules import ModuleTable

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


def realise(
    checkpoint: Checkpoint,
    task: Task,
    table: ModuleTable,
    placements: Iterable[tuple[int, ...]],
    options: CompareOptions,
    store: RunStore,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Fine-tune what is not in the store, telling ``progress`` of every run.

    Seeds are the outer loop: after a third of the time of three seeds there is a complete,
    noisier comparison. Runs found in the store are not repeated, unless they do not know what they
    forgot of the task's other text.
    """
    distinct = tuple(dict.fromkeys(placements))
    runs = [(layers, seed) for seed in range(options.seeds) for layers in distinct]
    digest = data_digest(task.other) if task.other else None

    @cache
    def before(encoded: tuple[EncodedExample, ...]) -> float:
        return starting_loss(
            checkpoint.model,
            encoded,
            batch_size=options.finetune.heldout_batch_size,
            pad_id=padding_id(checkpoint.tokenizer),
        )

    with attention(checkpoint.model, "sdpa"):
        for done, (layers, seed) in enumerate(runs, start=1):
            record = store.read(layers, seed)
            if record is None or (digest and not _knows(record, digest)):
                result = finetune(
                    checkpoint,
                    task.training,
                    task.heldout,
                    target_modules(table, layers=layers),
                    replace(options.finetune, seed=seed),
                    loss_before=before(task.heldout),
                    other=task.other,
                    other_before=before(task.other) if task.other else None,
                ).to_dict()
                store.write(layers, seed, {key: result[key] for key in KEPT} | {"seed": seed})
            progress(done, len(runs))


def _knows(record: Mapping[str, Any], digest: str) -> bool:
    return (record.get("forgetting") or {}).get("data") == digest
