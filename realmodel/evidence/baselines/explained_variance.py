"""EVA: ranks go to the inputs' principal components that explain the largest shares of variance."""

import numpy as np

from realmodel.evidence.baselines.context import Context
from realmodel.evidence.baselines.score import Baseline, LayerScores

MOST = 2
"""A module gets at most this many times the protocol's rank."""


def ranks(context: Context) -> dict[str, int]:
    """Rank of every module: of all components, those of the largest shares of their own input."""
    rank = context.protocol.rank
    shares: list[tuple[float, str]] = []
    for module in context.modules:
        variances = np.linalg.eigvalsh(context.statistics.sigma[module.input_group])[::-1]
        ratio = variances / variances.sum()
        shares += [(float(value), module.name) for value in ratio[: MOST * rank]]
    shares.sort(key=lambda share: -share[0])
    given = dict.fromkeys((m.name for m in context.modules), 0)
    for _, name in shares[: rank * len(context.modules)]:
        given[name] += 1
    return given


def score(context: Context) -> LayerScores:
    """The layer's ranks together."""
    return LayerScores(context.by_layer({k: float(v) for k, v in ranks(context).items()}, "sum"))


BASELINES = (
    Baseline(
        "explained-variance",
        "Explained variance of the inputs (EVA)",
        "Paischer et al., EVA, as in peft.tuners.lora.eva (read there; rho 2); with second moments "
        "about zero in place of an incremental PCA, and the sum over a layer is ours",
        "statistics",
        score,
    ),
)
