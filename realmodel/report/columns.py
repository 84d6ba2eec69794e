"""How the measures are called, and in which unit, wherever they are shown."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Column:
    """One measure as a reader sees it.

    Parameters
    ----------
    name : str
        Field of :class:`realmodel.card.Measures`.
    title, unit, help : str
        Column head, unit, and one sentence.
    log : bool
        Whether it spans orders of magnitude.
    error : str or None
        Field with its standard error.
    """

    name: str
    title: str
    unit: str
    help: str
    log: bool = False
    error: str | None = None


COLUMNS: Final = (
    Column(
        "budget_gain",
        "Gain of the run",
        "nats per token",
        "gain of the block tuned alone within the card's training steps (tangent model)",
        error="budget_gain_error",
    ),
    Column(
        "gain",
        "Gain, no limit on steps",
        "nats per token",
        "exact Gauss-Newton gain of the block alone, within a few directions per module",
        error="gain_error",
    ),
    Column("residual_norm", "Residual norm", "√nats", "||Γ^-1/2 G Σ^-1/2||, plug-in"),
    Column(
        "residual_norm_rank",
        "Residual norm at rank r",
        "√nats",
        "the same, largest r singular values",
    ),
    Column(
        "residual_norm_cross_fitted",
        "Residual norm, cross-fitted",
        "√nats",
        "the same without the plug-in bias, where the estimate is positive",
    ),
    Column(
        "residual_norm_activation",
        "Residual norm without Γ",
        "√nats",
        "||G Σ^-1/2||: not comparable across layers",
    ),
    Column("gradient_norm", "Gradient norm", "nats per unit", "Frobenius norm, mean gradient"),
    Column("activation_energy", "Activation energy", "units²", "tr Σ = E||h||²", log=True),
    Column("smallest_eigenvalue", "λ min", "units²", "smallest eigenvalue of Σ", log=True),
    Column("effective_rank", "Effective rank", "dimensions", "(Σλ)²/Σλ²"),
    Column("condition_number", "Condition number", "ratio", "λ max / λ min of Σ", log=True),
    Column(
        "noise_amplification",
        "Noise amplification",
        "1/units²",
        "tr Σ^-1: parameter error per unit of noise",
        log=True,
    ),
)

PROFILES: Final = (
    "budget_gain",
    "gain",
    "residual_norm",
    "residual_norm_cross_fitted",
    "gradient_norm",
    "activation_energy",
    "effective_rank",
    "condition_number",
    "noise_amplification",
)
"""Measures that the page draws, in its order."""
