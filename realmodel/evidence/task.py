"""The task of a comparison: encoded training and held-out sequences."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from realmodel.datasets import Example
from realmodel.evidence.options import CompareOptions
from realmodel.finetuning.run import data_digest
from realmodel.model.batches import EncodedExample, encode
from realmodel.model.checkpoint import Checkpoint
from realmodel.model.vocabulary import check_tokens, embedding_rows
from theory import InputError


@dataclass(frozen=True)
class Task:
    """Sequences to train on and, apart from them, to measure on.

    Parameters
    ----------
    name : str
        For tables.
    training, heldout : tuple of EncodedExample
        Disjoint in their prompts.
    """

    name: str
    training: tuple[EncodedExample, ...]
    heldout: tuple[EncodedExample, ...]

    @classmethod
    def from_examples(
        cls,
        name: str,
        checkpoint: Checkpoint,
        training: Sequence[Example],
        heldout: Sequence[Example],
        options: CompareOptions,
    ) -> "Task":
        """Encode, leave out what is too long, and cut to the sample sizes.

        Held-out examples whose prompt is trained on are left out.

        Raises
        ------
        InputError
            When no held-out example is left, or a token is beyond the model's embedding.
        """
        trained = {example.group for example in training}
        fresh = [example for example in heldout if example.group not in trained]
        if not fresh:
            raise InputError(
                f"{name}: every held-out prompt is also trained on; give other held-out data"
            )
        encoded = [
            encode(examples, checkpoint.tokenizer, max_length=options.max_length, too_long="skip")[
                :count
            ]
            for examples, count in (
                (training, options.training_samples),
                (fresh, options.heldout_samples),
            )
        ]
        check_tokens((*encoded[0], *encoded[1]), embedding_rows(checkpoint.model))
        return cls(name, encoded[0], encoded[1])

    def protocol(self, checkpoint: Checkpoint, options: CompareOptions) -> dict[str, Any]:
        """What fine-tuning runs must share to be compared."""
        return {
            "task": self.name,
            "model": checkpoint.digest,
            "training": data_digest(self.training),
            "heldout": data_digest(self.heldout),
            "finetune": options.to_json()["finetune"],
        }
