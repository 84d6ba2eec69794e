"""What the second moments and gradients say about one module, or about several together."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import torch

from realmodel.card.measures import Measures
from realmodel.card.moment_spectrum import MomentSpectrum
from realmodel.measure.trace_sketch import DIRECTIONS, leading_range, trace_sketch
from realmodel.measure.whitener import Whitener
from theory.arrays import Array, Float64
from theory.hardness.cross_fit import cross_fitted_norm

KEPT_SINGULAR_VALUES = 128
"""More than any rank that a plan gives one module."""

Gain = tuple[float | None, float | None]
"""Gain of a block alone and its standard error, nats per completion token."""

Gains = Mapping[str | int, Gain]
"""Of each module by its name, and of each layer by its block index."""

NO_GAIN: Gain = (None, None)

DENSE_UP_TO = 1024
"""Smaller side of a gradient up to which all singular values are computed."""

WHITENED_UP_TO = 2048
"""Smaller side up to which a whitened gradient is formed: there a sketch costs as much."""


@dataclass(frozen=True)
class BlockStatistics:
    """Sums that add over the modules of a block-diagonal union.

    Attributes
    ----------
    residual, at_rank, activation, gradient : float
        Squared norms: ``||Gamma^{-1/2} G Sigma^{-1/2}||^2``, its ``rank`` largest squared
        singular values, ``||G Sigma^{-1/2}||^2`` and ``||G||^2``.
    gram : array of shape (groups, groups)
        Inner products of the whitened gradient sums of the groups of sequences.
    inputs : mapping of str to MomentSpectrum
        One for each distinct input.
    """

    residual: float
    at_rank: float
    activation: float
    gradient: float
    gram: Float64[Array, "n n"]
    inputs: Mapping[str, MomentSpectrum]

    @classmethod
    def union(cls, blocks: Iterable["BlockStatistics"]) -> "BlockStatistics":
        """Several modules as one block; an input that they share counts once."""
        own = tuple(blocks)
        return cls(
            residual=sum(block.residual for block in own),
            at_rank=sum(block.at_rank for block in own),
            activation=sum(block.activation for block in own),
            gradient=sum(block.gradient for block in own),
            gram=np.sum([block.gram for block in own], axis=0),
            inputs={name: spectrum for block in own for name, spectrum in block.inputs.items()},
        )

    def measures(
        self,
        group_tokens: Float64[Array, " n"],
        gain: Gain = NO_GAIN,
        budget_gain: Gain = NO_GAIN,
    ) -> Measures:
        """The numbers of the card.

        Parameters
        ----------
        group_tokens : array of shape (n,)
            Completion tokens of each group of sequences.
        gain, budget_gain : pair of float
            Gauss-Newton gain of the block, and its gain within the training budget.
        """
        why: dict[str, str] = {}
        squared = error = None
        if len(group_tokens) < 3:
            why["residual_squared_cross_fitted"] = "fewer than 3 groups of sequences"
        else:
            squared, error = cross_fitted(self.gram, group_tokens)
            if squared <= 0:
                why["residual_norm_cross_fitted"] = (
                    "the cross-fitted square is not positive: no residual above the noise"
                )
        union = MomentSpectrum.union(self.inputs.values())
        if union.condition_number is None:
            why["condition_number"] = "the second moment is singular"
        return Measures(
            gain=gain[0],
            gain_error=gain[1],
            budget_gain=budget_gain[0],
            budget_gain_error=budget_gain[1],
            residual_norm=float(np.sqrt(self.residual)),
            residual_norm_rank=float(np.sqrt(self.at_rank)),
            residual_norm_cross_fitted=float(np.sqrt(squared)) if squared and squared > 0 else None,
            residual_squared_cross_fitted=squared,
            residual_squared_error=error,
            residual_norm_activation=float(np.sqrt(self.activation)),
            gradient_norm=float(np.sqrt(self.gradient)),
            activation_energy=union.energy,
            smallest_eigenvalue=union.smallest,
            effective_rank=union.effective_rank,
            condition_number=union.condition_number,
            noise_amplification=union.noise_amplification,
            reasons=why,
        )


def block_statistics(
    gradient_sums: torch.Tensor,
    tokens: int,
    inputs: Whitener,
    outputs: Whitener,
    spectra: Mapping[str, MomentSpectrum],
    rank: int,
) -> tuple[BlockStatistics, Float64[Array, " k"]]:
    """One module's sums and the largest singular values of its whitened gradient.

    Above a smaller side of 2,048 the squared norms and inner products of whitened gradients are
    those of a sketch, 0.5% off at most (one standard deviation, before any data are seen:
    :func:`realmodel.measure.trace_sketch.trace_sketch`), so that what grows with the cube of the
    width is the factorisation of the moments alone.

    Parameters
    ----------
    gradient_sums : tensor of shape (n, m, d)
        Gradient of the summed loss of each group of sequences, outputs first; its precision is
        that of the products here.
    tokens : int
        Completion tokens in all.
    inputs, outputs : Whitener
        Of ``Sigma`` and of ``Gamma``.
    spectra : mapping of str to MomentSpectrum
        Of the input, by its name.
    rank : int
        LoRA rank.

    Examples
    --------
    A scalar module: ``g = 6``, ``Sigma = 4``, ``Gamma = 9``, so ``Res = 6 / (2 * 3) = 1``.

    >>> F, G = (Whitener.of(np.array([[x * x]]), 0.0) for x in (2.0, 3.0))
    >>> block, values = block_statistics(torch.full((1, 1, 1), 6.0), 1, F, G, {}, rank=1)
    >>> round(block.residual, 6), round(block.activation, 6), values.round(6).tolist()
    (1.0, 9.0, [1.0])
    """
    total = gradient_sums.sum(dim=0)
    wide = min(total.shape) > WHITENED_UP_TO
    half, white = (_sketched if wide else _whitened)(
        gradient_sums, inputs.like(total), outputs.like(total)
    )
    flat, whole = white.flatten(1), white.sum(dim=0) / tokens
    values = singular_values(whole[:, :DIRECTIONS] if wide else whole)
    block = BlockStatistics(
        residual=_square(whole),
        at_rank=float(np.sum(values[:rank] ** 2)),
        activation=_square(half / tokens),
        gradient=_square(total / tokens),
        gram=(flat @ flat.T).double().numpy(),
        inputs=spectra,
    )
    return block, values


def _whitened(
    sums: torch.Tensor, inputs: Whitener, outputs: Whitener
) -> tuple[torch.Tensor, torch.Tensor]:
    """``G Sigma^{-1/2}`` of the sum, and ``Gamma^{-1/2} G Sigma^{-1/2}`` of each group."""
    half = inputs.whiten_rows(sums.flatten(0, 1)).view_as(sums)
    return half.sum(dim=0), torch.stack([outputs.whiten(own) for own in half])


def _sketched(
    sums: torch.Tensor, inputs: Whitener, outputs: Whitener
) -> tuple[torch.Tensor, torch.Tensor]:
    """Products of the same two, transposed, with a few columns that stand in for them."""
    G = sums.sum(dim=0)

    def half(right: torch.Tensor) -> torch.Tensor:
        return G @ inputs.unwhiten(right)

    def half_transposed(right: torch.Tensor) -> torch.Tensor:
        return inputs.whiten(G.T @ right)

    d = G.shape[1]
    P = trace_sketch(leading_range(half, half_transposed, d, G))
    Q = leading_range(
        lambda right: outputs.whiten(half(right)),
        lambda left: half_transposed(outputs.unwhiten(left)),
        d,
        G,
    )
    columns = outputs.unwhiten(trace_sketch(Q))
    return half_transposed(P), torch.stack([inputs.whiten(own.T @ columns) for own in sums])


def singular_values(matrix: torch.Tensor) -> Float64[Array, " k"]:
    """The largest singular values, descending, at most 128.

    Up to a smaller side of 1,024 from the eigenvalues of the Gram matrix of that side; above, by a
    randomised range finder, whose values err to the low side by less than the next one's share.

    Examples
    --------
    >>> singular_values(torch.tensor([[3.0, 0.0], [0.0, 4.0], [0.0, 0.0]])).tolist()
    [4.0, 3.0]
    """
    matrix = matrix if matrix.shape[0] >= matrix.shape[1] else matrix.T
    if matrix.shape[1] > DENSE_UP_TO:
        whole = matrix
        matrix = whole.T @ leading_range(
            lambda right: whole @ right, lambda left: whole.T @ left, whole.shape[1], whole
        )
    squares = torch.linalg.eigvalsh(matrix.T @ matrix).flip(0)[:KEPT_SINGULAR_VALUES]
    return squares.clamp(min=0.0).double().sqrt().numpy()


def cross_fitted(
    gram: Float64[Array, "n n"], group_tokens: Float64[Array, " n"]
) -> tuple[float, float]:
    """Squared residual norm without the plug-in bias, and its standard error (3e).

    Both depend on the whitened gradients through their inner products alone, so any factor of
    ``gram`` stands in for them.
    """
    lam, V = np.linalg.eigh(gram)
    factor = V * np.sqrt(np.maximum(lam, 0.0))
    fit = cross_fitted_norm(factor[:, None, :], group_tokens, np.eye(len(gram)))
    return fit.squared_norm, fit.standard_error


def _square(matrix: torch.Tensor) -> float:
    return float(matrix.double().square().sum())
