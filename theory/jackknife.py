"""The jackknife: a standard error from the values with one group left out at a time."""

import numpy as np

from theory.arrays import Array, Float64


def jackknife_error(left_out: Float64[Array, "n ..."]) -> Float64[Array, "..."]:
    """``sqrt((n - 1) / n sum (x_i - mean x)^2)`` over the first axis.

    Parameters
    ----------
    left_out : (n, ...) array
        A statistic with each of the ``n`` groups left out in turn; groups of dependent samples
        (the tokens of a sequence) must be left out together.

    Returns
    -------
    (...) array
        In the unit of the statistic.

    Notes
    -----
    Standard (Efron & Stein 1981: its square overestimates the variance in the mean).

    Examples
    --------
    Of a mean it is the usual standard error:

    >>> x = np.array([1.0, 2.0, 4.0, 9.0])
    >>> left_out = (x.sum() - x) / 3
    >>> bool(np.isclose(jackknife_error(left_out), x.std(ddof=1) / 2))
    True
    """
    n = len(left_out)
    spread = np.sum(np.square(left_out - left_out.mean(axis=0)), axis=0)
    return np.asarray(np.sqrt((n - 1) / n * spread), dtype=np.float64)
