r"""What a curvature from a sample says about the true one (12g).

``F_hat`` is the mean of ``s s'`` over ``n`` sequences, ``F`` its expectation and ``nu`` the ridge.
Where ``(1 - eps)(F + nu) <= F_hat + nu <= (1 + eps)(F + nu)``, the gains of *every* set of layers,
at one gradient, agree to within the same ``eps``: all ``2^L`` at once.
"""

import numpy as np

from theory.arrays import Array
from theory.errors import InputError
from theory.whole_numbers import whole_number

Scalars = Array | float


def sampled_gain_upper(error: Scalars, gain: Scalars) -> Scalars:
    """12g: ``G_hat(S) <= G(S) / (1 - eps)``."""
    return gain / (1 - error)


def sampled_gain_lower(error: Scalars, gain: Scalars) -> Scalars:
    """12g: ``G_hat(S) >= G(S) / (1 + eps)``."""
    return gain / (1 + error)


def true_gain_interval(sampled_gain: float, error: float) -> tuple[float, float]:
    """Where the gain under the true curvature lies, from that under the sampled one.

    Raises
    ------
    InputError
        A gain that is negative or not finite, or an ``error`` outside [0, 1).

    Examples
    --------
    >>> true_gain_interval(2.0, 0.25)
    (1.5, 2.5)
    """
    if not (np.isfinite(sampled_gain) and sampled_gain >= 0):
        raise InputError(f"the gain must be finite and at least 0, got {sampled_gain!r}")
    if not 0 <= error < 1:
        raise InputError(f"error must lie in [0, 1), got {error!r}: sample more sequences")
    return (1 - error) * sampled_gain, (1 + error) * sampled_gain


def sampling_error(
    leverage: float, effective_dimension: float, samples: int, failure: float = 0.05
) -> float:
    """``eps`` that holds with probability ``1 - failure``: matrix Bernstein, intrinsic dimension.

    Parameters
    ----------
    leverage
        A bound on ``s'(F + nu)^{-1} s`` over the *population*, at least ``effective_dimension``. No
        sample proves it; with ``||s|| <= b`` it is at most ``b^2 / nu``.
    effective_dimension
        ``d = tr F (F + nu)^{-1}``.
    samples
        ``n`` independent sequences.
    failure
        Probability that the statement fails.

    Raises
    ------
    InputError
        Numbers out of range.

    Notes
    -----
    Provenance: extension, after Tropp, *An Introduction to Matrix Concentration Inequalities*
    (2015), theorem 7.7.1. The summands ``(F + nu)^{-1/2}(s s' - F)(F + nu)^{-1/2} / n`` have norm
    at most ``k / n``, ``k = max(leverage, 1)``, and second moments that add up to at most
    ``k / n`` times a matrix of norm below 1 and trace ``d``.

    Examples
    --------
    >>> round(sampling_error(10.0, 5.0, 10_000), 3)
    0.12
    """
    whole_number(samples, "samples", 1)
    if not (np.isfinite(leverage) and leverage >= effective_dimension > 0):
        raise InputError(
            f"leverage must be finite and at least the effective dimension, above 0, got "
            f"{leverage!r} and {effective_dimension!r}"
        )
    if not 0 < failure < 1:
        raise InputError(f"failure must lie between 0 and 1, got {failure!r}")
    # P(norm >= eps) <= 8 D exp(-eps^2 / 2 / (v + k eps / 3n)) with D = trace / norm of the bound on
    # the second moment. Adding to that bound until its norm is k / n keeps D at d + 1 or below.
    largest = max(leverage, 1.0) / samples
    logarithm = float(np.log(8 * (effective_dimension + 1) / failure))
    third = largest * logarithm / 3
    return third + float(np.sqrt(third**2 + 2 * largest * logarithm))
