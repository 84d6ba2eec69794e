"""What every search checks before it starts."""

from collections.abc import Sequence

import numpy as np

from theory.choice.cost_model import CostModel
from theory.choice.kernel_quadratic import KernelQuadratic
from theory.errors import InputError
from theory.quadratic.block_quadratic import BlockQuadratic
from theory.whole_numbers import whole_numbers


def check_selection(
    quadratic: BlockQuadratic | KernelQuadratic,
    size: int,
    candidates: Sequence[int] | None,
    cost: CostModel | None,
) -> tuple[tuple[int, ...], CostModel]:
    """Candidates in ascending order, and the cost model (one unit per layer by default).

    Raises
    ------
    InputError
        The size does not fit the candidates, or the cost model another number of layers.
    """
    chosen_from = checked_layers(quadratic.layers, candidates)
    checked_size(size, len(chosen_from))
    return chosen_from, (cost or CostModel.count(quadratic.layers)).check(quadratic.layers)


def checked_size(size: float | int, candidates: int) -> int:
    """A number of layers that so many candidates allow.

    Raises
    ------
    InputError
        It is not a whole number from 1 to ``candidates``.
    """
    whole = isinstance(size, int | np.integer) and not isinstance(size, bool)
    if not whole or not 1 <= size <= candidates:
        raise InputError(
            f"cannot choose {size} of {candidates} candidate layers: "
            f"size must be a whole number between 1 and {candidates}"
        )
    return int(size)


def checked_layers(layers: int, chosen: Sequence[int] | None) -> tuple[int, ...]:
    """Layers in ascending order; ``None`` means all of them.

    Raises
    ------
    InputError
        Not whole numbers, none, repeated or out of range.
    """
    if chosen is None:
        return tuple(range(layers))
    found = tuple(sorted(whole_numbers(chosen, "layers")))
    if not found:
        raise InputError("the set of layers is empty: name at least one")
    if len(set(found)) < len(found):
        raise InputError(f"layers {found} name a layer twice")
    if found[0] < 0 or found[-1] >= layers:
        raise InputError(f"layers {found} are out of range: there are {layers}, from 0")
    return found
