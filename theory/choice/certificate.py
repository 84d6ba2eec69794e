"""How good the best placement can be at most, and what each layer is worth there (section 10)."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from theory.arrays import Array, Float64
from theory.choice.block_split import BlockSplit, splits
from theory.choice.choices import Choices, choices
from theory.choice.clock import Clock
from theory.choice.cost_model import CostModel
from theory.choice.kernel_quadratic import KernelQuadratic
from theory.choice.local_search import TIE, search_locally
from theory.choice.placement import Guarantee, Placement
from theory.choice.relaxation import Relaxation, bound_at, relax, respond_to
from theory.choice.response import Split
from theory.choice.selection import checked_layers
from theory.choice.unsplit import Unsplit
from theory.errors import InputError
from theory.quadratic.block_quadratic import BlockQuadratic

Quadratic = BlockQuadratic | KernelQuadratic


@dataclass(frozen=True, eq=False)
class Certificate:
    """An upper bound on the gain of every admissible set of layers, at any coupling.

    Attributes
    ----------
    upper : float
        No admissible set gains more, in the unit of the loss (10a).
    relaxed_gain : float
        Largest gain over fractional choices that was found; ``upper`` exceeds the true maximum of
        the relaxation by no more than the difference of the two.
    weights : (L,) array
        ``z`` in [0, 1]: how much of each layer the relaxation takes; a cost budget may take part.
    prices : (L,) array
        ``1/2 r_l'N_l^{-1}r_l`` there, in the unit of the loss: what a further unit of weight of the
        layer is worth after the others have moved (10b).
    placement : Placement
        The best set that was found, never worse than greedy.
    reason : str
        Empty, or why the bound is only the gain of all candidates.

    Notes
    -----
    Provenance: extension (10a to 10c).
    """

    upper: float
    relaxed_gain: float
    weights: Float64[Array, " L"]
    prices: Float64[Array, " L"]
    placement: Placement
    reason: str
    split: Split = field(repr=False)
    admissible: tuple[Choices, ...] = field(repr=False)

    @property
    def gap(self) -> float:
        """Largest share of the best gain that :attr:`placement` may miss."""
        return 1.0 - self.fraction(self.placement.layers)

    def fraction(self, layers: Sequence[int]) -> float:
        """Share of the best gain that these layers have at least.

        Raises
        ------
        InputError
            Layers that are repeated or out of range, or a set that is not admissible.
        """
        gain = self.split.gain(self._admitted(layers))
        return min(gain / self.upper, 1.0) if self.upper > 0 else 1.0

    def proves(self, layers: Sequence[int]) -> bool:
        """Whether this set is shown to be a best one, within rounding.

        By the bound, or by its own prices (10c): every layer that it holds is worth at least as
        much as any that it leaves out.

        Raises
        ------
        InputError
            As in :meth:`fraction`.
        """
        chosen = self._admitted(layers)
        bound = min(bound_at(self.split, self.admissible, chosen), self.upper)
        return bound <= self.split.gain(chosen) * (1 + TIE)

    def prices_of(self, layers: Sequence[int]) -> Float64[Array, " L"]:
        """Prices where exactly these layers are tuned (10c), in the unit of the loss.

        Of a layer left out: adding it gains at most that much. Of a layer taken: dropping it costs
        at least that much.
        """
        return respond_to(self.split, checked_layers(self.split.layers, layers)).prices

    def _admitted(self, layers: Sequence[int]) -> tuple[int, ...]:
        chosen = checked_layers(self.split.layers, layers)
        if not any(allowed.admits(chosen) for allowed in self.admissible):
            raise InputError(f"layers {chosen} are not among the sets that this certificate is of")
        return chosen


def certificate(
    quadratic: Quadratic,
    k: float | int,
    floor: float | int | Array | None = None,
    costs: CostModel | None = None,
    *,
    candidates: Sequence[int] | None = None,
    start: Sequence[int] = (),
    tolerance: float = 1e-4,
    time_limit: float | int = float("inf"),
) -> Certificate:
    """Bound the best gain of ``k`` layers, or within a budget, and price every layer.

    The curvature is split into ``N + R`` with ``N`` block-diagonal and ``R`` positive
    semi-definite. Then ``G(z)`` is concave in fractional weights ``z``, its maximum bounds every
    set's gain, and every iterate of the maximisation proves such a bound.

    Parameters
    ----------
    quadratic : BlockQuadratic or KernelQuadratic
    k : float
        Number of layers; with ``costs`` the budget in their unit.
    floor : float or (p, p) array, optional
        ``N``: a ridge that the curvature of a :class:`BlockQuadratic` holds, or a block-diagonal
        matrix below the curvature. The larger, the sharper. By default the better of
        ``(1 + mu_min) D`` and the smallest eigenvalue times the identity.
    costs : CostModel, optional
        With costs of depth, every lowest layer is a relaxation of its own.
    candidates : sequence of int, optional
        Layers to choose from; all by default.
    start : sequence of int, optional
        A set that is known to be good: what cannot be better is then left early.
    tolerance : float
        Relative distance to the optimum of the relaxation at which to stop.
    time_limit : float
        Seconds for the search of a placement; greedy and the bound are finished in any case.

    Raises
    ------
    InputError
        ``k`` does not fit the candidates or admits no layer; a floor that is not below the
        curvature; candidates empty, repeated or out of range.

    Notes
    -----
    Provenance: extension (perspective reformulation of subset selection; k-support norm). Where
    the curvature is singular no ``N`` exists: the bound is the gain of all candidates, the prices
    are exact marginal gains, and ``reason`` says so.

    Examples
    --------
    Layers 0 and 1 repeat each other, so that one of them and layer 2 are the best two:

    >>> import numpy as np
    >>> H = np.array([[1.0, 0.9, 0.0], [0.9, 1.0, 0.0], [0.0, 0.0, 1.0]])
    >>> quadratic = BlockQuadratic(np.array([2.0, 1.9, 1.5]), H, (1, 1, 1))
    >>> found = certificate(quadratic, 2)
    >>> found.placement.layers, found.placement.gain
    ((0, 2), 3.125)
    >>> bool(found.upper >= 3.125), bool(found.fraction([0, 1]) < found.fraction([0, 2]))
    (True, True)
    """
    if not 0 < tolerance < 1:
        raise InputError(f"tolerance must lie between 0 and 1, not {tolerance}")
    chosen_from = checked_layers(quadratic.layers, candidates)
    allowed = choices(quadratic.layers, k, costs, chosen_from)
    splits, clock = splits_of(quadratic, floor), Clock(time_limit)
    best: Certificate | None = None
    for split in splits:
        found = certify(split, allowed, chosen_from, costs, tolerance, clock, tuple(start))
        if best is None or found.upper < best.upper:
            best = found
    assert best is not None
    return best


def splits_of(quadratic: Quadratic, floor: float | int | Array | None = None) -> tuple[Split, ...]:
    """The ways to split a quadratic; one that proves no bound where its curvature is singular."""
    if isinstance(quadratic, KernelQuadratic):
        if floor is not None:
            raise InputError("a KernelQuadratic holds its floor: leave floor out")
        return (quadratic,)
    if floor is not None:
        split = BlockSplit.of(quadratic, floor)
        assert split is not None
        return (split,)
    return splits(quadratic) or (Unsplit(quadratic),)


def certify(
    split: Split,
    allowed: tuple[Choices, ...],
    candidates: tuple[int, ...],
    costs: CostModel | None,
    tolerance: float,
    clock: Clock,
    start: tuple[int, ...] = (),
) -> Certificate:
    """Relax every family, and search where the bound leaves room."""
    layers: tuple[int, ...] = ()
    gain, upper = -1.0, 0.0
    if start and any(choice.admits(start) for choice in allowed):
        layers, gain = tuple(sorted(start)), split.gain(start)
    widest: Relaxation | None = None
    for choice in allowed:
        found = relax(split, choice, tolerance=tolerance, cutoff=gain)
        if widest is None or found.upper > upper:
            upper, widest = found.upper, found
        if found.upper > gain and (gain < 0 or not clock.over):
            other, value = search_locally(split, choice, found.best.weights, clock)
            if other and value > gain * (1 + TIE):
                layers, gain = other, value
    assert widest is not None
    upper = max(min(upper, split.gain(candidates)), gain)
    return Certificate(
        upper,
        widest.best.value,
        widest.best.weights,
        widest.proof.prices,
        proven_placement(split, layers, upper, costs or CostModel.count(split.layers)),
        split.reason,
        split,
        allowed,
    )


def proven_placement(
    split: Split, layers: tuple[int, ...], upper: float, cost: CostModel, nodes: int = 0
) -> Placement:
    """A set with the guarantee that a bound on the best gain gives it."""
    gain = split.gain(layers)
    if gain * (1 + TIE) >= upper:
        fraction, text = 1.0, "exact: the best one, proved by its certificate (10a)"
    else:
        fraction = gain / upper
        text = f"at least {fraction:.2%} of the best gain, by its certificate (10a)"
        if split.reason:
            text += f"; {split.reason}"
        if nodes:
            text += f"; stopped after {nodes} nodes: raise node_limit or time_limit for more"
    guarantee = Guarantee(fraction, float(fraction == 1.0), max(upper, gain), text)
    return Placement(layers, gain, cost.of(layers), guarantee)
