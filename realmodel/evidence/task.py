"""The task of a comparison: encoded training and held-out sequences."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from realmodel.datasets import Example
from realmodel.datasets.split import not_trained
from realmodel.evidence.options import CompareOptions
from realmodel.finetuning.run import data_digest
from realmodel.model.batches import EncodedExample, encode
from realmodel.model.checkpoint import Checkpoint
from realmodel.model.vocabulary import check_tokens, embedding_rows


@dataclass(frozen=True)
class Task:
    """Sequences to train on and, apart from them, to measure on.

    Parameters
    ----------
    name : str
        For tables.
    training, heldout : tuple of EncodedExample
        Disjoint in their prompts.
    other : tuple of EncodedExample
        Text of another kind, whose loss says what a run forgets; empty where nobody asks.
    """

    name: str
    training: tuple[EncodedExample, ...]
    heldout: tuple[EncodedExample, ...]
    other: tuple[EncodedExample, ...] = ()

    @classmethod
    def from_examples(
        cls,
        name: str,
        checkpoint: Checkpoint,
        training: Sequence[Example],
        heldout: Sequence[Example],
        options: CompareOptions,
        *,
        other: Sequence[Example] = (),
    ) -> "Task":
        """Encode, leave out what is too long, and cut to the sample sizes.

        ``other`` is cut to as many sequences as are held out; of these, the long ones are left out
        too. Held-out examples whose prompt is trained on are left out.

        Raises
        ------
        InputError
            When no held-out example is left, or a token is beyond the model's embedding.
        """
        fresh = not_trained(heldout, training)
        encoded = [
            encode(examples, checkpoint.tokenizer, max_length=options.max_length, too_long="skip")[
                :count
            ]
            for examples, count in (
                (training, options.training_samples),
                (fresh, options.heldout_samples),
                *([(other, options.heldout_samples)] if other else []),
            )
        ]
        check_tokens(tuple(chain.from_iterable(encoded)), embedding_rows(checkpoint.model))
        return cls(name, *encoded)

    def protocol(self, checkpoint: Checkpoint, options: CompareOptions) -> dict[str, Any]:
        """What fine-tuning runs must share to be compared; what is measured after them is not."""
        return {
            "task": self.name,
            "model": checkpoint.digest,
            "training": data_digest(self.training),
            "heldout": data_digest(self.heldout),
            "finetune": options.to_dict()["finetune"],
        }
