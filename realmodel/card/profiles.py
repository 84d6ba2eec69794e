"""From one pass to the card's rows, module by module and layer by layer."""

from collections.abc import Callable, Mapping

import numpy as np

from realmodel.card.block_statistics import BlockStatistics, block_statistics
from realmodel.card.moment_spectrum import MomentSpectrum
from realmodel.card.profile import LayerProfile, ModuleProfile
from realmodel.measure.measurement import Measurement
from realmodel.measure.whitener import Whitener

Gain = tuple[float | None, float | None]
"""Gain of a block alone and its standard error, nats per completion token."""

NONE: Gain = (None, None)


def profiles(
    measurement: Measurement,
    *,
    rank: int,
    ridge: float,
    module_gains: Mapping[str, Gain],
    layer_gains: Mapping[int, Gain],
    module_budget_gains: Mapping[str, Gain],
    layer_budget_gains: Mapping[int, Gain],
    progress: Callable[[], None] = lambda: None,
) -> tuple[tuple[ModuleProfile, ...], tuple[LayerProfile, ...]]:
    """Measure every module and every layer.

    Parameters
    ----------
    measurement : Measurement
    rank : int
        LoRA rank of the rank-limited residual norm.
    ridge : float
        Share of the mean eigenvalue that is added to ``Sigma`` and to ``Gamma``.
    module_gains, layer_gains : mapping
        Gauss-Newton gain and its standard error, by module name and block index; may be empty.
    module_budget_gains, layer_budget_gains : mapping
        The same within the training budget.
    progress : callable
        Called once per module.
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
        gains = (
            *module_gains.get(module.name, NONE),
            *module_budget_gains.get(module.name, NONE),
        )
        rows.append(ModuleProfile(module, block.measures(tokens, *gains), values))
        progress()
    layers: list[LayerProfile] = []
    for layer in sorted({module.layer for module in measurement.modules}):
        names = tuple(module.name for module in measurement.modules if module.layer == layer)
        union = BlockStatistics.union(blocks[name] for name in names)
        gains = (*layer_gains.get(layer, NONE), *layer_budget_gains.get(layer, NONE))
        layers.append(LayerProfile(layer, names, union.measures(tokens, *gains)))
    return tuple(rows), tuple(layers)
