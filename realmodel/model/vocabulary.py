"""Do the tokens lie within the model's embedding?"""

from collections.abc import Sequence
from typing import Any

from realmodel.model.batches import EncodedExample
from theory import InputError


def embedding_rows(model: Any) -> int:
    """How many tokens the model knows."""
    return int(model.get_input_embeddings().weight.shape[0])


def check_tokens(encoded: Sequence[EncodedExample], rows: int) -> None:
    """Refuse tokens beyond the embedding.

    Raises
    ------
    InputError
        Naming the first example that has one.

    Examples
    --------
    >>> check_tokens([EncodedExample((1, 9), (-100, 9), "a:1")], 8)
    Traceback (most recent call last):
        ...
    theory.errors.InputError: a:1: token 9 is beyond the 8 rows of the model's embedding: ...
    """
    for example in encoded:
        largest = max(example.input_ids)
        if largest >= rows:
            raise InputError(
                f"{example.id}: token {largest} is beyond the {rows} rows of the model's "
                "embedding: the tokenizer is of another model, or the embedding was not resized"
            )
