"""A short run of every single layer: the dear way to give each layer a number."""

from dataclasses import replace

from realmodel.evidence.baselines.context import Context
from realmodel.evidence.baselines.score import Baseline, LayerScores
from realmodel.finetuning import finetune, target_modules
from realmodel.finetuning.loss import heldout_loss
from realmodel.measure.attention import attention
from realmodel.measure.random_subset import random_subset
from realmodel.model.batches import padding_id

SHARE = 4
"""A pilot takes the run's steps divided by this."""

KEPT_APART = 32
"""Training sequences on which the gain is measured; the pilots train on the others."""

SEED = 7919
"""Of the pilots: none that a run of the comparison has."""


def score(context: Context) -> LayerScores:
    """Fall of the loss on training sequences kept apart, in nats per completion token."""
    checkpoint, table = context.runs_on, context.table
    protocol = context.protocol
    short = replace(protocol, steps=max(1, protocol.steps // SHARE), seed=SEED)
    count = min(KEPT_APART, len(context.encoded) // 3)
    apart = set(random_subset(len(context.encoded), count, context.seed))
    held = tuple(row for place, row in enumerate(context.encoded) if place in apart)
    training = tuple(row for place, row in enumerate(context.encoded) if place not in apart)
    gains: dict[int, float] = {}
    with attention(checkpoint.model, "sdpa"):
        before = heldout_loss(
            checkpoint.model,
            held,
            batch_size=short.heldout_batch_size,
            pad_id=padding_id(checkpoint.tokenizer),
        )
        for layer in context.layers:
            modules = target_modules(table, layers=(layer,))
            run = finetune(checkpoint, training, held, modules, short, loss_before=before)
            gains[layer] = run.gain
    return LayerScores(gains)


BASELINES = (
    Baseline(
        "single-layer-pilot",
        "Pilot runs of single layers",
        "this project, at the wish of reviewers; a quarter of the run's steps each",
        "sequences",
        score,
    ),
)
