"""A few rank-1 directions per module, in which the loss is then measured exactly."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from scipy.linalg import eigh

from realmodel.measure.measurement import Measurement
from realmodel.measure.whitener import Whitener
from realmodel.model.modules import AdaptedModule
from theory import InputError
from theory.arrays import Array

Kind = Literal["residual", "gradient", "random"]


@dataclass(frozen=True)
class Directions:
    """Rank-1 changes ``left_i right_i'`` of each module's weight (m, d).

    Attributes
    ----------
    modules
        One block of k directions each.
    left, right
        By module name: (k, m) and (k, d), float64.
    kind, ridge
        How they were chosen.
    data, half
        Digest of the sequences whose gradient chose them, and which half of these (even or odd
        groups; None for all): the gain must be measured on other sequences.
    groups, seed
        Of the measurement's random groups; they define the halves.
    """

    modules: tuple[AdaptedModule, ...]
    left: dict[str, Array]
    right: dict[str, Array]
    kind: str = "given"
    ridge: float = 0.0
    data: str = ""
    half: int | None = None
    groups: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        for module in self.modules:
            left, right = self.left[module.name], self.right[module.name]
            shapes = (left.shape[1:], right.shape[1:])
            if shapes != ((module.out_features,), (module.in_features,)) or len(left) != len(right):
                raise InputError(
                    f"directions of {module.name}: shapes {left.shape} and {right.shape} do not "
                    f"fit a weight ({module.out_features}, {module.in_features})"
                )
            if not (np.isfinite(left).all() and np.isfinite(right).all()):
                raise InputError(f"directions of {module.name} hold NaN or inf")

    @property
    def sizes(self) -> tuple[int, ...]:
        """Directions per module."""
        return tuple(len(self.left[module.name]) for module in self.modules)


def select_directions(
    statistics: Measurement,
    *,
    directions: int = 4,
    kind: Kind = "residual",
    ridge: float = 1e-3,
    half: int | None = 0,
    seed: int = 0,
) -> Directions:
    """Choose k = ``directions`` rank-1 directions per module.

    ``residual`` takes the top k singular triplets of ``Gamma^{-1/2} Grad Sigma^{-1/2}`` and maps
    them back: the best rank-k change if the block's curvature were ``Sigma (x) Gamma``.
    ``gradient`` takes those of the gradient itself, ``random`` isotropic ones. Each is scaled to
    unit length in the metric ``Sigma (x) Gamma``, so its curvature is near one.

    Parameters
    ----------
    statistics : Measurement
        Of one pass, with moments and gradients by group.
    directions : int
        k, at most the smallest side of a module.
    kind : {"residual", "gradient", "random"}
        What they are chosen by.
    ridge : float
        Added to Sigma and Gamma as a fraction of their mean eigenvalue.
    half : int, optional
        0 or 1: choose by the gradient of the even or odd groups alone, so that the other half
        gives an unbiased gain. None uses all sequences, and the gain on them is overstated.
    seed : int
        Of random directions.

    Returns
    -------
    Directions
        Of each module k rank-one matrices ``l r'``, as (k, out) and (k, in) factors.

    Raises
    ------
    InputError
        If an option is out of range or the statistics hold no Gamma or no halves.

    Notes
    -----
    Provenance: extension (3c, 3d).
    """
    if kind not in get_args(Kind):
        raise InputError(f"directions {kind!r}: choose one of {', '.join(get_args(Kind))}")
    if half not in (0, 1, None):
        raise InputError(f"half {half!r}: choose 0, 1 or None")
    if not ridge >= 0:
        raise InputError(f"ridge must not be negative, got {ridge}")
    k, smallest = directions, min(min(m.in_features, m.out_features) for m in statistics.modules)
    if not 1 <= k <= smallest:
        raise InputError(f"{k} directions: choose 1 to {smallest}, the smallest side of a module")
    left: dict[str, Array] = {}
    right: dict[str, Array] = {}
    generator = np.random.default_rng(seed)
    roots: dict[str, Array] = {}
    for module in statistics.modules:
        name, group = module.name, module.input_group
        if group not in roots:
            roots = {group: Whitener.of(statistics.sigma[group], ridge).factor}
        gamma = statistics.gamma[name]
        inner, outer = roots[group], Whitener.of(gamma, ridge).factor
        gradient = statistics.gradient[name]
        if half is not None:
            gradient = statistics.half_gradients(name)[half]
        if kind == "residual":
            U, _, Vt = _top(outer.T @ gradient @ inner, k)
            left[name], right[name] = U.T @ outer.T, Vt @ inner.T
            continue
        if kind == "gradient":
            U, _, Vt = _top(gradient, k)
            a, b = U.T, Vt
        else:
            a = generator.standard_normal((k, module.out_features))
            b = generator.standard_normal((k, module.in_features))
        sigma = statistics.sigma[group]
        length = np.einsum("ki,ij,kj->k", a, gamma, a) * np.einsum("ki,ij,kj->k", b, sigma, b)
        left[name], right[name] = a / np.sqrt(length)[:, None], b
    return Directions(
        modules=statistics.modules,
        left=left,
        right=right,
        kind=kind,
        ridge=ridge,
        data=statistics.parts[0].data if len(statistics.parts) == 1 else "",
        half=half,
        groups=statistics.options.groups,
        seed=statistics.options.seed,
    )


def _top(matrix: Array, k: int) -> tuple[Array, Array, Array]:
    """The k largest singular triplets, from the Gram matrix of the shorter side."""
    if matrix.shape[0] < matrix.shape[1]:
        V, s, Ut = _top(matrix.T, k)
        return Ut.T, s, V.T
    size = matrix.shape[1]
    values, V = eigh(matrix.T @ matrix, subset_by_index=(size - k, size - 1))
    s = np.sqrt(np.clip(values[::-1], 0.0, None))
    V = V[:, ::-1]
    U = np.divide(matrix @ V, s, out=np.zeros((len(matrix), k)), where=s > 0)
    return U, s, V.T


def chosen(modules: Sequence[AdaptedModule], directions: Directions) -> Directions:
    """The directions of ``modules`` alone, in their order.

    Raises
    ------
    InputError
        If a module has no direction.
    """
    lacking = [module.name for module in modules if module.name not in directions.left]
    if lacking:
        raise InputError(f"no direction was given for module {lacking[0]}")
    return replace(directions, modules=tuple(modules))
