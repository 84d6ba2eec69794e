"""How sets of layers respond, in the space of the sequences, and what is common to them."""

import numpy as np

from realmodel.measure.tangent.gain import TangentGain
from theory.arrays import Array, Float64

RANDOM_SETS = 3
"""Random sets per layer, of all sizes."""


def principal_responses(gain: TangentGain, ridge: float, count: int) -> Float64[Array, "s k"]:
    """Orthonormal directions that hold the responses of many sets of layers, at most ``count``.

    The response of a set is ``(sum S_m P S_m' + ridge)^{-1} sum S_m P g_m`` over its layers. The
    sets are single layers, all layers, all but one, and random ones from a fixed seed.
    """
    layers = sorted(gain.kernels)
    n = len(gain.kernels[layers[0]].curvature)
    if count >= n:
        return np.eye(n)
    sets = [[layer] for layer in layers] + [layers]
    sets += [[other for other in layers if other != layer] for layer in layers]
    rng = np.random.default_rng(0)
    for _ in range(RANDOM_SETS * len(layers)):
        size = int(rng.integers(1, len(layers) + 1))
        sets.append(sorted(rng.choice(layers, size=size, replace=False).tolist()))
    responses = np.empty((n, len(sets)))
    for column, chosen in enumerate(sets):
        curvature, projection, _ = gain.joined(chosen)
        responses[:, column] = np.linalg.solve(curvature + ridge * np.eye(n), projection)
    U, w, _ = np.linalg.svd(responses, full_matrices=False)
    return U[:, : min(count, int(np.sum(w > 1e-12 * w[0])))]
