"""What a placement rule is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from theory import BlockQuadratic, InputError
from theory.choice.cost_model import CostModel
from theory.choice.placement import Placement

BySize = Callable[[BlockQuadratic, int, Sequence[int]], Placement]
ByCost = Callable[[BlockQuadratic, float, CostModel, Sequence[int]], Placement]


@dataclass(frozen=True)
class Rule:
    """How layers are chosen from a quadratic model.

    Parameters
    ----------
    title : str
        In words.
    of_size : callable
        From a quadratic, a number of layers and the candidates to a
        :class:`theory.Placement` with its guarantee.
    within_cost : callable, optional
        From a quadratic, a budget, its cost model and the candidates. Without it the rule refuses
        a budget that is not a number of layers.
    """

    title: str
    of_size: BySize
    within_cost: ByCost | None = None

    def choose(
        self,
        quadratic: BlockQuadratic,
        limit: float,
        cost: CostModel | None,
        candidates: Sequence[int],
    ) -> Placement:
        """The placement within ``limit``: layers, or with ``cost`` that budget.

        Raises
        ------
        InputError
            A cost budget that the rule does not take, or what the search refuses.
        """
        if cost is None:
            return self.of_size(quadratic, int(limit), candidates)
        if self.within_cost is None:
            raise InputError(f"{self.title} takes a number of layers, not a budget of cost")
        return self.within_cost(quadratic, limit, cost, candidates)
