"""Training and held-out examples with no prompt in common."""

from collections.abc import Sequence

import numpy as np

from realmodel.datasets import Example
from theory import InputError

HELD_OUT = 0.2
"""Share of the distinct prompts that is held out."""


def not_trained(heldout: Sequence[Example], training: Sequence[Example]) -> tuple[Example, ...]:
    """The held-out examples whose prompt is not trained on: of the others a run knows the answer.

    Raises
    ------
    InputError
        When none is left.

    Examples
    --------
    >>> rows = [Example(str(i), f"p{i}", "text") for i in range(3)]
    >>> [example.prompt for example in not_trained(rows[1:], rows[:2])]
    ['p2']
    """
    trained = {example.group for example in training}
    fresh = tuple(example for example in heldout if example.group not in trained)
    if not fresh:
        raise InputError("every held-out prompt is also trained on; give other held-out data")
    return fresh


def split_by_prompt(
    examples: Sequence[Example], *, seed: int
) -> tuple[tuple[Example, ...], tuple[Example, ...]]:
    """Hold out a fifth of the distinct prompts (at least one).

    Raises
    ------
    InputError
        When there are fewer than two distinct prompts.

    Examples
    --------
    >>> rows = [Example(str(i), f"p{i % 5}", "text") for i in range(10)]
    >>> training, heldout = split_by_prompt(rows, seed=0)
    >>> len(training), len(heldout), {r.prompt for r in training} & {r.prompt for r in heldout}
    (8, 2, set())
    """
    prompts = list(dict.fromkeys(example.group for example in examples))
    if len(prompts) < 2:
        raise InputError(
            f"{len(examples)} examples with {len(prompts)} distinct prompt cannot be split; "
            "give held-out data"
        )
    count = max(1, round(HELD_OUT * len(prompts)))
    drawn = np.random.default_rng(seed).permutation(len(prompts))[:count]
    held = {prompts[i] for i in drawn.tolist()}
    return (
        tuple(example for example in examples if example.group not in held),
        tuple(example for example in examples if example.group in held),
    )
