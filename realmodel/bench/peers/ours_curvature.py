"""What layercard computes of the curvature: the whole matrix over one direction per module."""

import torch

from realmodel.bench.peers.peer import Outcome, Work
from realmodel.measure.gauss_newton import gauss_newton


def run(work: Work) -> Outcome:
    """``1' H 1``: the curvature when every direction moves together."""
    measured = gauss_newton(
        work.model,
        work.examples,
        work.modules,
        work.directions,
        batch_size=work.batch_size,
        groups=2,
    )
    joint = torch.tensor(float(measured.quadratic.curvature.sum()))
    return Outcome(
        {"curvature/joint": joint}, f"all {len(work.modules)} x {len(work.modules)} entries"
    )
