"""The Gauss-Newton measurement by layer, with the replicates of its jackknife."""

import numpy as np

from realmodel.card.profiles import Gain
from realmodel.measure.gauss_newton import GaussNewton
from realmodel.measure.replicates import Replicates
from theory.arrays import Array, Float64, IntArray


def replicates_by_layer(measured: GaussNewton) -> Replicates | None:
    """The layers' quadratic with one group of sequences left out at a time.

    ``None`` with fewer than three groups, which is too few for an error.
    """
    used = np.flatnonzero((measured.gradient_tokens > 0) & (measured.curvature_tokens > 0))
    if len(used) < 3:
        return None
    layer_of = np.repeat(measured.layers, measured.sizes)
    order = np.argsort(layer_of, kind="stable")
    g, H = measured.gradient_sums[used][:, order], measured.curvature_sums[used]
    H = H[:, order[:, None], order[None, :]]
    tokens, bent = measured.gradient_tokens[used], measured.curvature_tokens[used]
    left_g = (g.sum(axis=0) - g) / (tokens.sum() - tokens)[:, None]
    left_H = (H.sum(axis=0) - H) / (bent.sum() - bent)[:, None, None]
    left_H += measured.damping * np.eye(len(order))
    return Replicates(left_g, left_H, measured.by_layer().sizes)


def layer_gains(measured: GaussNewton, replicates: Replicates | None) -> dict[int, Gain]:
    """Gain of each layer alone and its standard error, by block index."""
    quadratic = measured.by_layer()
    layers = sorted(set(measured.layers))
    gains = 0.5 * quadratic.residual_norms**2
    errors = [None] * len(layers) if replicates is None else replicates.single_errors().tolist()
    return {
        layer: (float(gain), error)
        for layer, gain, error in zip(layers, gains, errors, strict=True)
    }


def module_gains(measured: GaussNewton) -> dict[str, Gain]:
    """Gain of each module alone and its standard error, by name."""
    gains = 0.5 * measured.quadratic.residual_norms**2
    ends = np.cumsum(measured.sizes)
    used = np.flatnonzero((measured.gradient_tokens > 0) & (measured.curvature_tokens > 0))
    found: dict[str, Gain] = {}
    for module, gain, end, size in zip(measured.modules, gains, ends, measured.sizes, strict=True):
        own = slice(int(end) - size, int(end))
        error = None if len(used) < 3 else _block_error(measured, used, own)
        found[module.name] = (float(gain), error)
    return found


def _block_error(measured: GaussNewton, used: IntArray, own: slice) -> float:
    g, H = measured.gradient_sums[used, own], measured.curvature_sums[used, own, own]
    tokens, bent = measured.gradient_tokens[used], measured.curvature_tokens[used]
    left_g = (g.sum(axis=0) - g) / (tokens.sum() - tokens)[:, None]
    left_H = (H.sum(axis=0) - H) / (bent.sum() - bent)[:, None, None]
    left_H += measured.damping * np.eye(g.shape[1])
    inverse = np.linalg.pinv(left_H, hermitian=True)
    return jackknife_error(0.5 * np.einsum("ri,rij,rj->r", left_g, inverse, left_g))


def jackknife_error(left_out: Float64[Array, " R"]) -> float:
    """Standard error from the values with one group left out at a time."""
    count = len(left_out)
    return float(np.sqrt((count - 1) / count * np.sum((left_out - left_out.mean()) ** 2)))
