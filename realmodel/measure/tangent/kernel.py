"""What one layer adds to the tangent model: products of its gradients, sequence by sequence."""

import math
from dataclasses import dataclass

import torch

from realmodel.measure.tangent.adam import inverse_root, second_moment
from theory.arrays import Array, Float64


@dataclass(frozen=True)
class LayerKernel:
    """``g`` is the mean gradient, rows are sequences, ``P`` is Adam's scaling.

    Parameters
    ----------
    curvature : (n, n) array
        ``S P S'``.
    projection : (n,) array
        ``S P g``.
    square : float
        ``g' P g``.
    contributions : (n, n) array
        ``D P S'``, with one row of ``D`` per sequence: the gradient of its summed loss.
    slopes : (n,) array
        ``D P g``.
    """

    curvature: Float64[Array, "n n"]
    projection: Float64[Array, " n"]
    square: float
    contributions: Float64[Array, "n n"]
    slopes: Float64[Array, " n"]

    @classmethod
    def from_rows(
        cls,
        data: torch.Tensor,
        sampled: torch.Tensor,
        tokens: Float64[Array, " n"],
        *,
        batch_size: int,
    ) -> "LayerKernel":
        """Scale as Adam would with batches of this size, and form the products.

        Parameters
        ----------
        data : (n, p) tensor
            Gradient of each sequence's summed loss with the data's labels.
        sampled : (n, p) tensor
            The same with labels drawn from the model: ``E[s s']`` is the Gauss-Newton matrix of
            the sequence.
        tokens : (n,) array
            Completion tokens of each sequence.
        batch_size : int
            Sequences a step of the run.
        """
        total = float(tokens.sum())
        D = data.double().numpy()
        g = D.sum(axis=0) / total
        root = inverse_root(second_moment(g, D.var(axis=0), batch_size, float(tokens.mean())), 0.25)
        S = sampled.double().numpy() / math.sqrt(total) * root
        g *= root
        D *= root
        return cls(S @ S.T, S @ g, float(g @ g), D @ S.T, D @ g)
