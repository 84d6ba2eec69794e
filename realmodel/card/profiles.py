"""From one pass to the card's rows, module by module and layer by layer."""

from collections.abc import Callable

import numpy as np

from realmodel.card.block_statistics import NO_GAIN, BlockStatistics, Gains, block_statistics
from realmodel.card.moment_spectrum import MomentSpectrum
from realmodel.card.profile import LayerProfile, ModuleProfile
from realmodel.measure.measurement import Measurement
from realmodel.measure.whitener import Whitener


def profiles(
    measurement: Measurement,
    *,
    rank: int,
    ridge: float,
    gains: Gains,
    budget_gains: Gains,
    progress: Callable[[int, int], None],
) -> tuple[tuple[ModuleProfile, ...], tuple[LayerProfile, ...]]:
    """Measure every module and every layer.

    Parameters
    ----------
    measurement : Measurement
    rank : int
        LoRA rank of the rank-limited residual norm.
    ridge : float
        Share of the mean eigenvalue that is added to ``Sigma`` and to ``Gamma``.
    gains, budget_gains : mapping
        Gauss-Newton gains, which may be empty, and gains within the training budget.
    progress : callable
        Told how many modules are done, and of how many.
    """
    tokens = np.asarray(measurement.group_tokens, dtype=np.float64)
    whiteners: dict[str, Whitener] = {}
    spectra: dict[str, MomentSpectrum] = {}
    blocks: dict[str, BlockStatistics] = {}
    rows: list[ModuleProfile] = []
    for module in measurement.modules:
        group = module.input_group
        if group not in whiteners:
            sigma = measurement.sigma[group]
            whiteners = {group: Whitener.of(sigma, ridge)}
            spectra = {group: MomentSpectrum.of(sigma, whiteners[group])}
        block, values = block_statistics(
            measurement.sums[f"gradient/{module.name}"],
            measurement.tokens,
            whiteners[group],
            Whitener.of(measurement.gamma[module.name], ridge),
            spectra,
            rank,
        )
        blocks[module.name] = block
        own = (gains.get(module.name, NO_GAIN), budget_gains.get(module.name, NO_GAIN))
        rows.append(ModuleProfile(module, block.measures(tokens, *own), values))
        progress(len(rows), len(measurement.modules))
    layers: list[LayerProfile] = []
    for layer in sorted({module.layer for module in measurement.modules}):
        names = tuple(module.name for module in measurement.modules if module.layer == layer)
        union = BlockStatistics.union(blocks[name] for name in names)
        own = (gains.get(layer, NO_GAIN), budget_gains.get(layer, NO_GAIN))
        layers.append(LayerProfile(layer, names, union.measures(tokens, *own)))
    return tuple(rows), tuple(layers)
