"""How a model will read a data set: a few examples, counts, expected time, warnings."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from realmodel.card.estimate import expected_stages
from realmodel.card.options import CardOptions
from realmodel.card.preflight import preflight
from realmodel.datasets import Example
from realmodel.model.checkpoint import DTYPES, Checkpoint
from realmodel.model.modules import find_modules
from realmodel.model.shown import parts


def data_report(
    checkpoint: Checkpoint, examples: Sequence[Example], options: CardOptions, *, show: int
) -> dict[str, Any]:
    """A JSON record of what a card with these options would measure on.

    Parameters
    ----------
    checkpoint : Checkpoint
        The model and its tokenizer.
    examples : sequence of Example
        What to look at.
    options : CardOptions
        Window and seed, and what the estimate is for.
    show : int
        How many examples to show, drawn with the seed.

    Raises
    ------
    InputError
        As :func:`realmodel.model.batches.encode` and :func:`realmodel.card.preflight.preflight`.
    """
    model = checkpoint.model
    encoded = options.window.encoded(examples, model, checkpoint.tokenizer)
    looked = preflight(checkpoint, encoded, left_out=len(examples) - len(encoded))
    device = str(next(model.parameters()).device)
    modules, dtype = find_modules(model, options.modules).modules, DTYPES[checkpoint.dtype]
    stages = expected_stages(model, encoded, modules, options, device=device, dtype=dtype)
    count = min(show, len(encoded))
    drawn = np.random.default_rng(options.seed).choice(len(encoded), size=count, replace=False)
    shown = [
        {
            "id": encoded[index].id,
            "parts": [asdict(part) for part in parts(encoded[index], checkpoint.tokenizer)],
        }
        for index in sorted(drawn.tolist())
    ]
    return looked.to_dict() | {"shown": shown, "expected": [asdict(stage) for stage in stages]}
