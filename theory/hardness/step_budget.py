"""What plain gradient descent has gained after T steps (4c)."""

from dataclasses import dataclass

import numpy as np

from theory.arrays import Array, Float64
from theory.errors import InputError
from theory.hardness.linear_adapter import LinearAdapter

Scalars = Array | float


def finished_share(rate: Scalars, steps: int) -> Scalars:
    """``1 - (1 - eta lambda)^{2 T}`` for ``rate = eta lambda`` in [0, 1], exact for tiny rates."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(steps > 0, -np.expm1(2 * steps * np.log1p(-np.minimum(rate, 1.0))), 0.0)


def steps_gain_upper(step_size: Scalars, steps: int, slope: Scalars) -> Scalars:
    """4c: after ``T`` steps the gain is at most ``eta T ||Grad||_F^2``."""
    return step_size * steps * slope**2


def steps_gain_upper_by_residual(
    step_size: Scalars, steps: int, largest: Scalars, residual_norm: Scalars
) -> Scalars:
    """4c: hence at most ``eta T lambda_max Res^2``."""
    return step_size * steps * largest * residual_norm**2


def steps_gain_lower(
    step_size: Scalars, steps: int, smallest: Scalars, residual_norm: Scalars
) -> Scalars:
    """4c: at least ``Res^2 / 2 (1 - (1 - eta lambda_min)^{2 T})``.

    It holds up to ``eta = 2 / (lambda_min + lambda_max)``, where both ends converge alike.
    """
    return 0.5 * residual_norm**2 * finished_share(step_size * smallest, steps)


@dataclass(frozen=True)
class StepBudget:
    """Gradient descent from zero with one step size on one adapter's local problem.

    Parameters
    ----------
    adapter : LinearAdapter
        The problem.
    step_size : float
        ``eta``; ``1/lambda_max`` by default through :meth:`of`.

    Raises
    ------
    InputError
        ``step_size`` is not above 0, or is above ``1/lambda_max``.

    Notes
    -----
    Provenance: reconstruction of Proposition 4.1. The upper bound ``eta T ||Grad||^2`` holds for
    every step size, because ``(1-x)^{2T}`` is convex in x; the limit ``1/lambda_max`` is what
    makes the gain grow with T and with each eigenvalue.

    Examples
    --------
    >>> adapter = LinearAdapter.from_moments(np.array([[2.0, 1.0]]), np.diag([1.0, 0.5]))
    >>> run = StepBudget.of(adapter)
    >>> run.gain(1) == 0.5 * (4.0 + 2.0 * (1 - 0.5**2))
    True
    >>> run.steps_to(0.9)
    1
    """

    adapter: LinearAdapter
    step_size: float

    @classmethod
    def of(cls, adapter: LinearAdapter, step_size: float | int | None = None) -> "StepBudget":
        """With ``step_size``, or the largest one that is safe, ``1/lambda_max``."""
        largest = float(adapter.curvature.max())
        return cls(adapter, step_size if step_size is not None else 1.0 / (largest or 1.0))

    def __post_init__(self) -> None:
        largest = float(self.adapter.curvature.max())
        if not (self.step_size > 0 and self.step_size * largest <= 1 + 1e-12):
            limit = 1.0 / largest if largest > 0 else float("inf")
            raise InputError(
                f"step_size must lie above 0 and at most 1/lambda_max = {limit:.6g}, "
                f"got {self.step_size}"
            )

    def _finished(self, steps: int) -> Array:
        return np.asarray(finished_share(self.step_size * self.adapter.curvature, steps))

    def gain(self, steps: int) -> float:
        """``1/2 sum c_i^2/lambda_i (1 - (1 - eta lambda_i)^{2 steps})``."""
        if steps < 0:
            raise InputError(f"steps must be at least 0, got {steps}")
        return float(0.5 * np.sum(self.adapter.whitened**2 * self._finished(steps)))

    def bound(self, steps: int) -> float:
        """``eta T ||Grad||_F^2``, never below :meth:`gain`."""
        slope = float(np.linalg.norm(self.adapter.gradient))
        return float(steps_gain_upper(self.step_size, steps, slope))

    def curve(self, steps: int) -> Float64[Array, " t"]:
        """:meth:`gain` after 0, 1, .. ``steps`` steps."""
        return np.array([self.gain(t) for t in range(steps + 1)])

    def steps_to(self, fraction: float | int = 0.9) -> int:
        """Fewest steps that reach ``fraction`` of the full gain ``1/2 Res^2``.

        Raises
        ------
        InputError
            ``fraction`` is not in [0, 1).
        """
        if not 0 <= fraction < 1:
            raise InputError(f"fraction must lie in [0, 1), got {fraction}")
        weights = self.adapter.whitened**2
        total = float(weights.sum())
        if total == 0:
            return 0

        def reached(steps: int) -> bool:
            return float(np.sum(weights * self._finished(steps))) >= fraction * total

        if reached(0):
            return 0
        low, high = 0, 1
        while not reached(high):
            low, high = high, 2 * high
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if reached(middle) else (middle, high)
        return high
