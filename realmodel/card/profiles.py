"""From statistics of a model to the card's rows, module by module and layer by layer."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from realmodel.card.block_statistics import BlockStatistics, block_statistics
from realmodel.card.profile import LayerProfile, ModuleProfile
from realmodel.measure.statistics import Statistics
from theory.arrays import Array, Float64
from theory.hardness.spectrum import Spectrum

KEPT_SINGULAR_VALUES = 128
"""More than any rank that a plan gives one module."""

Gain = tuple[float | None, float | None]
"""Gauss-Newton gain of a block alone and its standard error, nats per completion token."""


def relative_ridge(moment: Float64[Array, "d d"], share: float) -> Spectrum:
    """Spectrum with ``share`` of the mean eigenvalue as its ridge: layers differ in scale."""
    return Spectrum.from_moment(moment, share * float(np.trace(moment)) / len(moment))


def profiles(
    statistics: Statistics,
    *,
    rank: int,
    ridge: float,
    module_gains: Mapping[str, Gain],
    layer_gains: Mapping[int, Gain],
    budget_gains: Sequence[Gain] = (),
    progress: Callable[[], None] = lambda: None,
) -> tuple[tuple[ModuleProfile, ...], tuple[LayerProfile, ...]]:
    """Measure every module and every layer.

    Parameters
    ----------
    statistics : Statistics
    rank : int
        LoRA rank of the rank-limited residual norm.
    ridge : float
        Share of the mean eigenvalue that is added to ``Sigma`` and to ``Gamma``.
    module_gains, layer_gains : mapping
        Gauss-Newton gain and its standard error, by module name and block index.
    budget_gains : sequence
        Gain of each layer within the training budget and its standard error, ascending; may be
        empty.
    progress : callable
        Called once per module.
    """
    tokens = np.asarray(statistics.group_tokens, dtype=np.float64)
    has_gamma = statistics.options.output_moment != "none"
    inputs: dict[str, Spectrum] = {}
    blocks: dict[str, BlockStatistics] = {}
    rows: list[ModuleProfile] = []
    for module in statistics.modules:
        group = module.input_group
        if group not in inputs:
            inputs = {group: relative_ridge(statistics.sigma[group], ridge)}
        outputs = relative_ridge(statistics.gamma[module.name], ridge) if has_gamma else None
        sums = statistics.gradient_sums(module.name)
        block, values = block_statistics(
            sums.sum(axis=0) / statistics.tokens, inputs[group], outputs, group, rank, sums
        )
        blocks[module.name] = block
        rows.append(
            ModuleProfile(
                name=module.name,
                layer=module.layer,
                kind=module.kind,
                in_features=module.in_features,
                out_features=module.out_features,
                input_group=group,
                transposed=module.transposed,
                measures=block.measures(tokens, *module_gains.get(module.name, (None, None))),
                singular_values=values[:KEPT_SINGULAR_VALUES],
            )
        )
        progress()
    layers: list[LayerProfile] = []
    for layer in sorted({row.layer for row in rows}):
        names = tuple(row.name for row in rows if row.layer == layer)
        union = BlockStatistics.union(blocks[name] for name in names)
        gain = layer_gains.get(layer, (None, None))
        budget = budget_gains[len(layers)] if budget_gains else (None, None)
        layers.append(LayerProfile(layer, names, union.measures(tokens, *gain, *budget)))
    return tuple(rows), tuple(layers)
