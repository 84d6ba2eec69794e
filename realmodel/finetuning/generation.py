"""Greedy generation scored against every reference by sacrebleu."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import sacrebleu
import torch

from realmodel.datasets import Example, ReferenceGroup, group_references
from realmodel.finetuning.result import GenerationScores
from realmodel.model.batches import EncodedExample, batches, padding_id
from realmodel.model.tokens import prompt_ids, prompt_text
from theory import InputError


def generate(
    model: Any,
    tokenizer: Any,
    prompts: Sequence[str],
    *,
    batch_size: int,
    max_new_tokens: int,
    on_batch: Callable[[int], None] | None = None,
) -> tuple[str, ...]:
    """Greedy completions, in the order of ``prompts``; prompts are padded on the left."""
    pad_id = padding_id(tokenizer)
    end = int(tokenizer.eos_token_id)
    device = next(model.parameters()).device
    encoded: list[EncodedExample] = []
    for index, prompt in enumerate(prompts):
        ids = prompt_ids(prompt, tokenizer, f"prompt {index + 1}")
        if not ids:
            raise InputError(f"prompt {index + 1} has no token to generate after")
        encoded.append(EncodedExample(tuple(ids), (-100,) * len(ids), str(index)))
    texts = [""] * len(prompts)
    done = 0
    for batch in batches(
        encoded, batch_size=batch_size, pad_id=pad_id, padding_side="left", by_length=True
    ):
        batch = batch.to(device)
        with torch.inference_mode():
            output = model.generate(
                input_ids=batch.input_ids,
                attention_mask=batch.attention_mask,
                do_sample=False,
                max_new_tokens=max_new_tokens,
                pad_token_id=pad_id,
                eos_token_id=end,
            )
        new = output[:, batch.input_ids.shape[1] :]
        for index, ids in zip(batch.sequence_index.tolist(), new.tolist(), strict=True):
            kept = ids[: ids.index(end)] if end in ids else ids
            texts[index] = tokenizer.decode(kept, skip_special_tokens=True).strip()
        done += len(new)
        if on_batch is not None:
            on_batch(done)
    return tuple(texts)


def score(texts: Sequence[str], groups: Sequence[ReferenceGroup]) -> GenerationScores:
    """Corpus BLEU, chrF and TER with a varying number of references.

    Parameters
    ----------
    texts : sequence of str
        One per group.
    groups : sequence of ReferenceGroup
        Prompts with all their references.

    Raises
    ------
    InputError
        When there is nothing to score or the numbers differ.

    Examples
    --------
    >>> groups = [ReferenceGroup("p", ("a b c d e", "x y z v w"))]
    >>> score(["x y z v w"], groups).bleu > 99.9
    True
    """
    if not texts or len(texts) != len(groups):
        raise InputError(f"{len(texts)} texts for {len(groups)} prompts cannot be scored")
    most = max(len(group.references) for group in groups)
    # sacrebleu wants one stream per reference; None marks a prompt that has fewer.
    streams: Any = [
        [g.references[i].strip() if i < len(g.references) else None for g in groups]
        for i in range(most)
    ]
    hypotheses = list(texts)
    metrics = (sacrebleu.BLEU(), sacrebleu.CHRF(), sacrebleu.TER())
    bleu, chrf, ter = (metric.corpus_score(hypotheses, streams).score for metric in metrics)
    return GenerationScores(
        bleu=float(bleu),
        chrf=float(chrf),
        ter=float(ter),
        prompts=len(groups),
        signature=str(metrics[0].get_signature()),
    )


def generation_scores(
    model: Any,
    tokenizer: Any,
    examples: Sequence[Example],
    *,
    batch_size: int,
    max_new_tokens: int,
    on_batch: Callable[[int], None] | None = None,
) -> GenerationScores:
    """Generate once per distinct prompt of ``examples`` and score against all its references.

    Conversations are prompted as the chat template renders what comes before the first reply.
    """
    examples = [
        replace(example, prompt=prompt_text(example, tokenizer), conversation=None)
        for example in examples
    ]
    groups = group_references(examples)
    texts = generate(
        model,
        tokenizer,
        [group.prompt for group in groups],
        batch_size=batch_size,
        max_new_tokens=max_new_tokens,
        on_batch=on_batch,
    )
    return score(texts, groups)
