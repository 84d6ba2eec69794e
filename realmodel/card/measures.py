"""What one module, or one layer, was measured to be: the row of every table of the card."""

from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Measures:
    """Numbers of one module or one layer; ``None`` where there is none, with the reason.

    A layer is the block-diagonal union of its modules: squared norms and energies add, the
    spectrum is the union of the spectra of its distinct inputs.

    Attributes
    ----------
    budget_gain, budget_gain_error : float, nats per completion token
        Gain of this block tuned alone within the card's training steps (tangent model), and its
        jackknife standard error over sequences (of layers).
    gain, gain_error : float, nats per completion token
        Exact Gauss-Newton gain of this block tuned alone, ``1/2 Res^2`` within a few directions
        per module and without a limit on steps, where it was asked for.
    residual_norm : float
        Plug-in ``||Gamma^{-1/2} G Sigma^{-1/2}||_F`` (docs/theory.md 3d, extension).
    residual_norm_rank : float
        The same, its largest ``rank`` singular values only (3c).
    residual_norm_cross_fitted : float
        Square root of ``residual_squared_cross_fitted`` where that is positive.
    residual_squared_cross_fitted : float
        Estimate of the squared residual norm from two halves of the sequences (3e); may be
        negative, which says that the sample does not show a residual.
    residual_squared_error : float
        Its jackknife standard error over sequences.
    residual_norm_activation : float
        ``||G Sigma^{-1/2}||_F`` (3a): not comparable across layers, see docs/theory.md 9.
    gradient_norm : float
        Frobenius norm of the mean gradient.
    activation_energy : float
        ``tr Sigma = E||h||^2``.
    smallest_eigenvalue, effective_rank, condition_number : float
        Of ``Sigma`` (4d).
    noise_amplification : float
        ``tr (Sigma + ridge I)^+``: parameter error per unit of noise variance (4a).
    reasons : dict of str
        Field name to the reason why it is ``None``.
    """

    gain: float | None = None
    gain_error: float | None = None
    budget_gain: float | None = None
    budget_gain_error: float | None = None
    residual_norm: float | None = None
    residual_norm_rank: float | None = None
    residual_norm_cross_fitted: float | None = None
    residual_squared_cross_fitted: float | None = None
    residual_squared_error: float | None = None
    residual_norm_activation: float | None = None
    gradient_norm: float | None = None
    activation_energy: float | None = None
    smallest_eigenvalue: float | None = None
    effective_rank: float | None = None
    condition_number: float | None = None
    noise_amplification: float | None = None
    reasons: dict[str, str] = field(default_factory=dict[str, str])

    def __post_init__(self) -> None:
        """Turn a number that is not finite into ``None`` with a reason."""
        reasons = dict(self.reasons)
        for name in MEASURES:
            value = getattr(self, name)
            if value is not None and not np.isfinite(value):
                object.__setattr__(self, name, None)
                reasons.setdefault(name, f"not finite ({value})")
            elif value is None:
                reasons.setdefault(name, "not measured")
        object.__setattr__(self, "reasons", reasons)

    def to_dict(self) -> dict[str, Any]:
        """Flat mapping of the numbers and, under ``reasons``, why some are null."""
        return {name: getattr(self, name) for name in MEASURES} | {"reasons": dict(self.reasons)}

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> "Measures":
        """Rebuild from a mapping that may hold more keys."""
        return cls(
            **{name: record.get(name) for name in MEASURES}, reasons=dict(record.get("reasons", {}))
        )


MEASURES = tuple(item.name for item in fields(Measures) if item.name != "reasons")
