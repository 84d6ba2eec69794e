"""How label noise reaches the adapter: parameter error against prediction error (4a).

Least squares on ``n`` fixed samples with ``m`` outputs and noise of variance ``s^2``, uncorrelated
over samples and outputs. Every function broadcasts.
"""

from theory.arrays import Array

Scalars = Array | float


def parameter_error(
    variance: Scalars, outputs: int, amplification: Scalars, samples: int
) -> Scalars:
    """4a: ``E||A_hat - A*||_F^2 = s^2 m tr(Sigma^{-1}) / n``, ``Sigma`` of these samples."""
    return variance * outputs * amplification / samples


def parameter_error_lower(
    variance: Scalars, outputs: int, inputs: int, energy: Scalars, samples: int
) -> Scalars:
    """4a: at least ``s^2 m d^2 / (n E_act)``, with equality for an isotropic ``Sigma``."""
    return variance * outputs * inputs**2 / (energy * samples)


def prediction_error(variance: Scalars, outputs: int, inputs: int, samples: int) -> Scalars:
    """4a: in-sample ``E||(A_hat - A*) h||^2 = s^2 m d / n``, whatever the spectrum."""
    return variance * outputs * inputs / samples


def plug_in_bias(energy: Scalars, rank: Scalars, samples: int) -> Scalars:
    """3e: ``E[Res_hat^2] = E||r||^2 rank / n`` when the residual is noise, ``energy = E||r||^2``.

    ``rank`` is that of the ``n`` features: their number ``d`` when they are independent.
    """
    return energy * rank / samples


def amplification_lower(inputs: int, energy: Scalars) -> Scalars:
    """4d: ``tr(Sigma^{-1}) >= d^2 / E_act``."""
    return inputs**2 / energy


def amplification_upper(inputs: int, smallest: Scalars) -> Scalars:
    """4d: ``tr(Sigma^{-1}) <= d / lambda_min``; no function of the trace alone can stand here."""
    return inputs / smallest


def effective_rank_lower(inputs: int, condition: Scalars) -> Scalars:
    """4d: ``(sum l)^2 / sum l^2 >= 4 d k / (1 + k)^2`` for condition number ``k`` (Kantorovich)."""
    return 4 * inputs * condition / (1 + condition) ** 2
