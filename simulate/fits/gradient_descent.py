"""Least squares over a set of layers, by gradient descent from zero with a step budget."""

import numpy as np

from simulate.fits.fit import Fit
from simulate.moments import Moments
from theory import InputError


def gradient_descent(
    moments: Moments,
    layers: tuple[int, ...] | None = None,
    *,
    steps: int,
    step_size: float | None = None,
) -> Fit:
    """Take ``steps`` plain gradient steps on the tuned layers together.

    Parameters
    ----------
    moments
        Population or plug-in moments.
    layers
        Tuned layers S; all when None.
    steps
        Step budget T.
    step_size
        eta; the largest safe one, 1 / lambda_max(Sigma_SS), when None.

    Raises
    ------
    InputError
        For a bad selection, a negative budget, or a step size outside (0, 2 / lambda_max), with
        which the loss may not fall.

    Notes
    -----
    Provenance: extension; theory section 4c is its closed form.

    Examples
    --------
    >>> moments = Moments(np.diag([1.0, 4.0]), np.array([[3.0, 4.0]]), (1, 1))
    >>> gradient_descent(moments, (1,), steps=1).adapter.tolist()
    [[0.0, 1.0]]
    """
    at = moments.features(layers)
    if steps < 0:
        raise InputError(f"steps is {steps}: give 0 or more")
    sigma, C = moments.second_moment[np.ix_(at, at)], moments.cross_moment[:, at]
    largest = float(np.linalg.eigvalsh(sigma)[-1])
    eta = 1.0 / largest if step_size is None else step_size
    if not 0.0 < eta < 2.0 / largest:
        raise InputError(f"step_size is {eta}: it must lie between 0 and {2.0 / largest:.6g}")
    A = np.zeros_like(C)
    gains = [0.0]
    for _ in range(steps):
        A = A + eta * (C - A @ sigma)
        gains.append(float(np.sum(C * A) - 0.5 * np.sum((A @ sigma) * A)))
    adapter = np.zeros_like(moments.cross_moment)
    adapter[:, at] = A
    chosen = tuple(range(moments.layers)) if layers is None else layers
    return Fit(adapter, chosen, gains[-1], tuple(gains))
