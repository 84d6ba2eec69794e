"""What a module adds to the tangent model: products of its gradients, sequence by sequence."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch

from realmodel.measure.tangent.adam import inverse_root, second_moment
from realmodel.model.modules import AdaptedModule
from theory.arrays import Array, Float64

COLUMNS = 4096
"""Coordinates at a time: their products are in the rows' precision, the sum of them in float64."""

Label = TypeVar("Label")


@dataclass(frozen=True)
class Kernel:
    """``g`` is the mean gradient, rows are sequences, ``P`` is Adam's scaling.

    Coordinates of different modules are different, so the kernel of several modules is the sum of
    theirs: see :func:`regroup`.

    Parameters
    ----------
    curvature : (s, s) array
        ``S P S'``, with one row of ``S`` for each draw of each sequence, draw by draw (s = D n);
        ``S'S`` is the Gauss-Newton matrix per token.
    projection : (s,) array
        ``S P g``.
    square : float
        ``g' P g``.
    contributions : (n, s) array
        ``D P S'``, with one row of ``D`` per sequence: the gradient of its summed loss.
    slopes : (n,) array
        ``D P g``.
    """

    curvature: Float64[Array, "s s"]
    projection: Float64[Array, " s"]
    square: float
    contributions: Float64[Array, "n s"]
    slopes: Float64[Array, " n"]

    def __add__(self, other: "Kernel") -> "Kernel":
        return Kernel(
            self.curvature + other.curvature,
            self.projection + other.projection,
            self.square + other.square,
            self.contributions + other.contributions,
            self.slopes + other.slopes,
        )

    @classmethod
    def from_rows(
        cls,
        data: torch.Tensor,
        sampled: torch.Tensor,
        tokens: Float64[Array, " n"],
        *,
        batch_size: int,
        device: torch.device | str = "cpu",
    ) -> "Kernel":
        """Scale as Adam would with batches of this size, and form the products.

        Parameters
        ----------
        data : (n, p) tensor
            Gradient of each sequence's summed loss with the data's labels.
        sampled : (D n, p) tensor
            The same with labels drawn from the model: ``E[s s']`` is the Gauss-Newton matrix of
            the sequence.
        tokens : (n,) array
            Completion tokens of each sequence.
        batch_size : int
            Sequences a step of the run.
        device
            Where to compute.
        """
        total, draws = float(tokens.sum()), len(sampled) // len(data)
        curvature = torch.zeros(len(sampled), len(sampled), dtype=torch.float64, device=device)
        contributions = curvature.new_zeros(len(data), len(sampled))
        projection, slopes = curvature.new_zeros(len(sampled)), curvature.new_zeros(len(data))
        square = 0.0
        for start in range(0, data.shape[1], COLUMNS):
            part = slice(start, start + COLUMNS)
            D, S = (rows[:, part].to(device) for rows in (data, sampled))
            mean = D.mean(dim=0)
            variance = (D - mean).square_().mean(dim=0)  # torch's var takes four times as long
            g = mean * (len(D) / total)
            moment = second_moment(g, variance, batch_size, float(tokens.mean()))
            root = inverse_root(moment, 0.25)
            S, D, g = S * (root / math.sqrt(total * draws)), D * root, g * root
            curvature += S @ S.T
            contributions += D @ S.T
            projection += S @ g
            slopes += D @ g
            square += float(g @ g)
        products = (own.cpu().numpy() for own in (curvature, projection, contributions, slopes))
        K, projected, crossed, sloped = products
        return cls(K, projected, square, crossed, sloped)


def regroup(
    kernels: Mapping[str, Kernel],
    modules: Sequence[AdaptedModule],
    label: Callable[[AdaptedModule], Label],
) -> dict[Label, Kernel]:
    """Kernels of modules added up: by layer, by kind of module, or any other label.

    Examples
    --------
    >>> import numpy as np
    >>> one = Kernel(np.eye(1), np.ones(1), 1.0, np.eye(1), np.ones(1))
    >>> q, k = (AdaptedModule(name, 0, name, 8, 8, "q", False) for name in "qk")
    >>> regroup({"q": one, "k": one}, (q, k), lambda module: module.layer)[0].square
    2.0
    """
    found: dict[Label, Kernel] = {}
    for module in modules:
        name, own = label(module), kernels[module.name]
        found[name] = found[name] + own if name in found else own
    return found
