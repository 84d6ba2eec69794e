"""The card's tangent model: what a budget of training steps reaches, by layer and by module."""

from dataclasses import dataclass, replace

import numpy as np

from realmodel.card.block_statistics import Gain, Gains
from realmodel.card.module_model import ModuleModel
from realmodel.card.predictor import Predictor
from realmodel.measure.measurement import Measurement
from realmodel.measure.random_subset import random_groups
from realmodel.measure.tangent.coordinates import Coordinates
from realmodel.measure.tangent.gain import TangentGain
from realmodel.measure.tangent.quadratic import (
    GROUPS,
    RESPONSES,
    tangent_quadratic,
    tangent_replicates,
)
from realmodel.measure.tangent.responses import principal_responses


@dataclass(frozen=True)
class TangentModel:
    """The layers' model, what each module and each layer gains alone, and the modules' model."""

    predictor: Predictor
    gains: Gains
    module_model: ModuleModel


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
    layers = sorted({module.layer for module in measurement.modules})
    gains: dict[str | int, Gain] = dict(zip(layers, predictor.single_gains(), strict=True))
    for name, own in measurement.kernels.items():
        # Half of g'(F + ridge / P)^{-1} g, in the space of the sequences (Woodbury).
        curved = own.curvature + ridge * np.eye(len(own.curvature))
        seen = float(own.projection @ np.linalg.solve(curved, own.projection))
        gains[name] = (max(own.square - seen, 0.0) / (2 * ridge), None)
    return TangentModel(predictor, gains, module_model(measurement))


def module_model(measurement: Measurement) -> ModuleModel:
    """One block per module, along the responses of whole layers."""
    layers, ridge = measurement.tangent(), 1 / (2 * measurement.protocol.time)
    modules = TangentGain(
        dict(enumerate(measurement.kernels[name] for name in measurement.names)),
        layers.tokens,
        layers.time,
    )
    found = Coordinates.along(modules, principal_responses(layers, ridge, RESPONSES))
    # As the file holds them: a card that was read again says the same.
    single = [own.astype(np.float32).astype(np.float64) for own in (found.images, found.slopes)]
    coordinates = replace(found, images=single[0], slopes=single[1])
    count = len(layers.tokens)
    groups = random_groups(count, min(GROUPS, count), measurement.options.seed)
    return ModuleModel(coordinates, np.array(groups))
