"""Adam's diagonal scaling, from the gradients of single sequences."""

import numpy as np

from theory.arrays import Array, Float64


def second_moment(
    mean: Float64[Array, " p"], variance: Float64[Array, " p"], batch_size: int, tokens: float
) -> Float64[Array, " p"]:
    """Second moment of a batch's mean gradient: its mean squared, and its sampling noise.

    Parameters
    ----------
    mean : (p,) array
        Mean gradient, per token.
    variance : (p,) array
        Of the gradients of single sequences, summed over their tokens.
    batch_size : int
        Sequences a step.
    tokens : float
        Mean number of completion tokens of a sequence.
    """
    return np.square(mean) + variance / (batch_size * tokens**2)


def inverse_root(moment: Float64[Array, " p"], power: float) -> Float64[Array, " p"]:
    """``moment ** -power``, zero where nothing was ever seen: such a coordinate does not move."""
    return np.where(moment > 0, moment, np.inf) ** -power
