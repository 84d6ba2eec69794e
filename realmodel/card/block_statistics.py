"""What the second moments and gradients say about one module, or about several together."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np

from realmodel.card.measures import Measures
from theory.arrays import Array, Float64
from theory.hardness.cross_fit import cross_fitted_norm
from theory.hardness.linear_adapter import LinearAdapter
from theory.hardness.spectrum import Spectrum
from theory.hardness.step_budget import StepBudget


@dataclass(frozen=True)
class BlockStatistics:
    """Sums that add over the modules of a block-diagonal union.

    Attributes
    ----------
    residual, at_rank, activation, gradient : float
        Squared norms: ``||Gamma^{-1/2} G Sigma^{-1/2}||^2``, its ``rank`` largest squared
        singular values, ``||G Sigma^{-1/2}||^2`` and ``||G||^2``.
    gram : array of shape (groups, groups) or None
        Inner products of the whitened gradient sums of the groups of sequences.
    inputs : mapping of str to Spectrum
        One for each distinct input.
    slopes : tuple of LinearAdapter
        Per module the norm of the gradient along each eigenvector of its input: all that
        gradient descent depends on.
    """

    residual: float
    at_rank: float
    activation: float
    gradient: float
    gram: Float64[Array, "n n"] | None
    inputs: Mapping[str, Spectrum]
    slopes: tuple[LinearAdapter, ...]

    @classmethod
    def union(cls, blocks: Iterable["BlockStatistics"]) -> "BlockStatistics":
        """Several modules as one block; an input that they share counts once."""
        own = tuple(blocks)
        grams = [block.gram for block in own if block.gram is not None]
        return cls(
            residual=sum(block.residual for block in own),
            at_rank=sum(block.at_rank for block in own),
            activation=sum(block.activation for block in own),
            gradient=sum(block.gradient for block in own),
            gram=np.sum(grams, axis=0) if len(grams) == len(own) else None,
            inputs={name: spectrum for block in own for name, spectrum in block.inputs.items()},
            slopes=tuple(slope for block in own for slope in block.slopes),
        )

    def measures(
        self,
        group_tokens: Float64[Array, " n"],
        gain: float | None = None,
        gain_error: float | None = None,
        budget_gain: float | None = None,
        budget_gain_error: float | None = None,
        reasons: Mapping[str, str] | None = None,
    ) -> Measures:
        """The numbers of the card.

        Parameters
        ----------
        group_tokens : array of shape (n,)
            Completion tokens of each group of sequences.
        gain, gain_error : float, optional
            Gauss-Newton gain of the block, nats per completion token.
        budget_gain, budget_gain_error : float, optional
            Gain of the block within the training budget.
        reasons : mapping of str, optional
            Why a number is missing.
        """
        why = dict(reasons or {})
        squared = error = None
        if self.gram is None or len(group_tokens) < 3:
            why["residual_squared_cross_fitted"] = "fewer than 3 groups of sequences"
        else:
            squared, error = cross_fitted(self.gram, group_tokens)
            if squared <= 0:
                why["residual_norm_cross_fitted"] = (
                    "the cross-fitted square is not positive: no residual above the noise"
                )
        union = _joined(self.inputs.values())
        if union.smallest == 0:
            why["condition_number"] = "the second moment is singular"
        return Measures(
            gain=gain,
            gain_error=gain_error,
            budget_gain=budget_gain,
            budget_gain_error=budget_gain_error,
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
            condition_number=union.condition_number if union.smallest > 0 else None,
            noise_amplification=sum(one.noise_amplification for one in self.inputs.values()),
            steps_to_90=float(steps_to(self.slopes, 0.9)),
            reasons=why,
        )


def block_statistics(
    gradient: Float64[Array, "m d"],
    inputs: Spectrum,
    outputs: Spectrum | None,
    group: str,
    rank: int,
    group_gradients: Float64[Array, "n m d"] | None = None,
) -> tuple[BlockStatistics, Float64[Array, " k"]]:
    """One module's sums and the singular values of its whitened gradient.

    Parameters
    ----------
    gradient : array of shape (m, d)
        Of the mean loss, outputs first.
    inputs, outputs : Spectrum
        Of ``Sigma`` and of ``Gamma`` (``None``: not measured, taken as the identity).
    group : str
        Name of the input.
    rank : int
        LoRA rank.
    group_gradients : array of shape (n, m, d), optional
        Gradient of the summed loss of each group of sequences.

    Examples
    --------
    A scalar module: ``g = 6``, ``Sigma = 4``, ``Gamma = 9``, so ``Res = 6 / (2 * 3) = 1``.

    >>> Sigma, Gamma = (Spectrum.from_moment(np.array([[x]])) for x in (4.0, 9.0))
    >>> block, values = block_statistics(np.array([[6.0]]), Sigma, Gamma, "h", rank=1)
    >>> block.residual, block.activation, values.tolist()
    (1.0, 9.0, [1.0])
    """
    adapter = LinearAdapter(gradient, inputs, outputs)
    plain = adapter if outputs is None else LinearAdapter(gradient, inputs)
    values = adapter.singular_values
    along = np.linalg.norm(plain.coefficients, axis=0)[None]
    d = len(inputs.eigenvalues)
    gram = None
    if group_gradients is not None:
        W = group_gradients @ (inputs.eigenvectors * np.sqrt(inputs.inverse))
        if outputs is not None:
            W = (np.sqrt(outputs.inverse)[:, None] * outputs.eigenvectors.T) @ W
        flat = W.reshape(len(W), -1)
        gram = flat @ flat.T
    block = BlockStatistics(
        residual=float(np.sum(values**2)),
        at_rank=float(np.sum(values[:rank] ** 2)),
        activation=plain.residual_norm() ** 2,
        gradient=float(np.sum(gradient**2)),
        gram=gram,
        inputs={group: inputs},
        slopes=(LinearAdapter(along, Spectrum(inputs.eigenvalues, _identity(d), inputs.ridge)),),
    )
    return block, values


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


def steps_to(slopes: Iterable[LinearAdapter], fraction: float) -> int:
    """Gradient steps of one size, ``1/lambda_max`` of all, to a share of the joint gain (4c)."""
    own = tuple(slopes)
    largest = max(float(slope.curvature.max()) for slope in own)
    runs = [StepBudget(slope, 1.0 / (largest or 1.0)) for slope in own]
    goal = fraction * sum(slope.best_gain() for slope in own)

    def reached(steps: int) -> bool:
        return sum(run.gain(steps) for run in runs) >= goal

    if reached(0):
        return 0
    high = 1
    while not reached(high):
        high *= 2
        if high > 2**60:
            return high
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reached(middle) else (middle, high)
    return high


@cache
def _identity(d: int) -> Float64[Array, "d d"]:
    """One for all modules of a size: they keep it."""
    return np.eye(d)


def _joined(spectra: Iterable[Spectrum]) -> Spectrum:
    """Spectrum of a block-diagonal moment; its eigenvectors are not needed: zeros, unallocated."""
    own = tuple(spectra)
    values = np.sort(np.concatenate([spectrum.eigenvalues for spectrum in own]))
    reason = "; ".join(spectrum.reason for spectrum in own if spectrum.reason) or None
    return Spectrum(values, np.broadcast_to(0.0, (len(values), len(values))), own[0].ridge, reason)
