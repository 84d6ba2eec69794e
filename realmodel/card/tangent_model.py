"""The card's tangent model: what a budget of training steps reaches, by layer and by module."""

from dataclasses import dataclass

import numpy as np

from realmodel.card.predictor import Predictor
from realmodel.card.profiles import Gain
from realmodel.measure.measurement import Measurement
from realmodel.measure.tangent.quadratic import tangent_quadratic, tangent_replicates


@dataclass(frozen=True)
class TangentModel:
    """The layers' model, and the gain of each module alone by name."""

    predictor: Predictor
    modules: dict[str, Gain]


def tangent_model(measurement: Measurement) -> TangentModel:
    """From the kernels of one pass."""
    gain, protocol = measurement.tangent(), measurement.protocol
    predictor = Predictor(
        "tangent",
        tangent_quadratic(gain),
        tangent_replicates(gain, seed=measurement.options.seed),
        {
            "rank": protocol.rank,
            "alpha": protocol.alpha,
            "learning_rate": protocol.learning_rate,
            "steps": protocol.steps,
            "batch_size": protocol.batch_size,
            "sequences": len(gain.tokens),
            "draws": measurement.options.draws,
            "time": protocol.time,
        },
    )
    ridge = 1 / (2 * protocol.time)
    modules: dict[str, Gain] = {}
    for name, own in measurement.kernels.items():
        # Half of g'(F + ridge / P)^{-1} g, in the space of the sequences (Woodbury).
        curved = own.curvature + ridge * np.eye(len(own.curvature))
        seen = float(own.projection @ np.linalg.solve(curved, own.projection))
        modules[name] = (max(own.square - seen, 0.0) / (2 * ridge), None)
    return TangentModel(predictor, modules)
