"""What every search checks before it starts."""

from collections.abc import Sequence

from theory.choice.cost_model import CostModel
from theory.errors import InputError
from theory.quadratic.block_quadratic import BlockQuadratic


def check_selection(
    quadratic: BlockQuadratic,
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
    chosen_from = quadratic.select(candidates)
    if not 1 <= size <= len(chosen_from):
        raise InputError(
            f"cannot choose {size} of {len(chosen_from)} candidate layers: "
            f"size must lie between 1 and {len(chosen_from)}"
        )
    return chosen_from, (cost or CostModel.count(quadratic.layers)).check(quadratic.layers)
