"""3d: the residual norm through a downstream Jacobian."""

import numpy as np

from theory.arrays import BoolArray
from theory.hardness.adapter_gain import best_gain
from theory.proofs.problems.kronecker import KroneckerProblems, draw_kronecker_problems
from theory.proofs.theorem import Assumption, Bound, Theorem


def _factorises(problems: KroneckerProblems) -> BoolArray:
    product = np.einsum("kij,kde->kidje", problems.output_moment, problems.moment)
    gap = np.abs(problems.block - product.reshape(problems.block.shape)).max(axis=(1, 2))
    return np.asarray(gap <= 1e-9 * np.abs(problems.block).max(axis=(1, 2)))


def _example(matched: bool) -> KroneckerProblems:
    """Two features and two Jacobian sizes: all pairs, or large with large and small with small."""
    h, B = np.array([1.0, 3.0]), np.array([1.0, 2.0])
    pairs = [(0, 0), (1, 1)] if matched else [(0, 0), (0, 1), (1, 0), (1, 1)]
    return KroneckerProblems(
        np.array([[[h[i]] for i, _ in pairs]]),
        np.array([[[[B[j]]] for _, j in pairs]]),
        np.array([[[2.0]]]),
    )


THEOREM = Theorem(
    id="3d",
    title="Residual norm through a downstream Jacobian",
    provenance="extension",
    statement=r"\mathrm{Res} = \|\Gamma^{-1/2}\,\mathrm{Grad}\,\Sigma^{-1/2}\|_F,\ \Gamma ="
    r" \mathbb{E}[B^\top B]; \text{ exact for every gradient iff the block is }"
    r" \Sigma\otimes\Gamma",
    assumptions=(
        Assumption(r"\mathbb{E}[hh^\top \otimes B^\top B] = \Sigma\otimes\Gamma", _factorises),
    ),
    bounds=(
        Bound(
            "gain of the block",
            "equal",
            lambda p: p.decrement**2 / 2,
            best_gain,
            lambda p: (p.residual_norm,),
        ),
    ),
    tight_example=lambda: _example(matched=False),
    violated_example=lambda: _example(matched=True),
    draw=draw_kronecker_problems,
    functions=("kronecker_residual_norm",),
)
