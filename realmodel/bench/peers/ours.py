"""What layercard computes on the same input: activation moments, gradients, empirical Gamma."""

import torch

from realmodel.bench.peers.peer import Outcome, Work
from realmodel.measure.statistics import collect_statistics


def run(work: Work) -> Outcome:
    """One forward and one backward pass."""
    statistics = collect_statistics(
        work.model,
        work.examples,
        work.modules,
        batch_size=work.batch_size,
        groups=2,
        output_moment="empirical",
        check_accuracy=False,
    )
    values: dict[str, torch.Tensor] = {}
    for kind, moments in (
        ("sigma", statistics.sigma),
        ("gamma", statistics.gamma),
        ("gradient", statistics.gradient),
    ):
        values |= {f"{kind}/{name}": torch.as_tensor(value) for name, value in moments.items()}
    return Outcome(values)
