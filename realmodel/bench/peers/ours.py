"""What layercard computes on the same input: activation moments, gradients, empirical Gamma."""

import torch

from realmodel.bench.peers.peer import Outcome, Work
from realmodel.measure.one_pass import one_pass
from realmodel.measure.pass_options import PassOptions


def run(work: Work) -> Outcome:
    """One forward and one backward pass."""
    statistics = one_pass(
        work.model,
        work.examples,
        work.modules,
        PassOptions(batch_size=work.batch_size),
        groups=2,
        output_moment="empirical",
    )
    values: dict[str, torch.Tensor] = {}
    for kind, moments in (
        ("sigma", statistics.sigma),
        ("gamma", statistics.gamma),
        ("gradient", statistics.gradient),
    ):
        values |= {f"{kind}/{name}": torch.as_tensor(value) for name, value in moments.items()}
    return Outcome(values)
