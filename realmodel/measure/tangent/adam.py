"""Adam's diagonal scaling, from the gradients of single sequences."""

import torch


def second_moment(
    mean: torch.Tensor, variance: torch.Tensor, batch_size: int, tokens: float
) -> torch.Tensor:
    """Second moment of a batch's mean gradient: its mean squared, and its sampling noise.

    Parameters
    ----------
    mean : (p,) tensor
        Mean gradient, per token.
    variance : (p,) tensor
        Of the gradients of single sequences, summed over their tokens.
    batch_size : int
        Sequences a step.
    tokens : float
        Mean number of completion tokens of a sequence.
    """
    return mean.square() + variance / (batch_size * tokens**2)


def inverse_root(moment: torch.Tensor, power: float) -> torch.Tensor:
    """``moment ** -power``, zero where nothing was ever seen: such a coordinate does not move."""
    return torch.where(moment > 0, moment, torch.inf) ** -power
