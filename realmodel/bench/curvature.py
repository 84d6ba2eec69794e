"""The pass's sampled curvature against the exact one, by sequences and draws."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import spearmanr

from realmodel.measure.attention import attention
from realmodel.measure.gauss_newton import Directions, gauss_newton
from realmodel.measure.measurement import Measurement
from realmodel.measure.one_pass import one_pass
from realmodel.measure.pass_options import PassOptions
from realmodel.measure.random_subset import random_order
from realmodel.measure.tangent.adam import inverse_root, second_moment
from realmodel.measure.tangent.factors import LoraFactors
from realmodel.model.batches import EncodedExample
from realmodel.model.checkpoint import Checkpoint
from realmodel.model.lora_protocol import FinetuneOptions
from realmodel.model.modules import AdaptedModule
from theory import BlockQuadratic
from theory.arrays import Array, Float64


@dataclass(frozen=True)
class Agreement:
    """How close the sampled quadratic of a run is to the exact one, in the same directions.

    Means over the disjoint sets of that many draws of labels, on the same sequences.

    Attributes
    ----------
    sequences, draws
        Behind both, and label draws behind the sampled one.
    sets
        Of draws, behind the means.
    matrix_error
        ``||F - H||_F / ||H||_F`` of the curvatures without the run's ridge.
    order
        Spearman correlation of the layers' gains alone, both with the ridge.
    gain
        Sampled over exact: joint gain of all layers, both with the ridge.
    gain_error
        Root mean square of its distance from 1.
    coupling, exact_coupling
        ``rho`` of either. The noise of the labels adds to the sampled one in quadrature, so that
        a small one looks larger with few draws of few sequences.
    """

    sequences: int
    draws: int
    sets: int
    matrix_error: float
    order: float
    gain: float
    gain_error: float
    coupling: float
    exact_coupling: float


def compare_curvatures(
    checkpoint: Checkpoint,
    encoded: Sequence[EncodedExample],
    modules: Sequence[AdaptedModule],
    protocol: FinetuneOptions,
    *,
    sequences: Sequence[int],
    draws: Sequence[int],
    directions: int = 1,
    seed: int = 0,
) -> list[Agreement]:
    """Restrict both to a few of LoRA's own directions per module, where the exact one is at hand.

    A direction moves one column of ``B`` along Adam's first step, at unit length in Adam's metric:
    the run's ridge is then ``1/(2 tau)`` times the identity.
    """
    found: list[Agreement] = []
    for count in sequences:
        sample = [encoded[place] for place in random_order(len(encoded), seed)[:count]]
        seen = one_pass(
            checkpoint,
            sample,
            modules,
            PassOptions(tangent_samples=count, draws=max(draws)),
            protocol=protocol,
            groups=0,
            shard=(0, 1),  # a single shard keeps its rows
            seed=seed,
        )
        chosen, scores = _directions(seen, protocol, directions)
        with attention(checkpoint.model, "eager"):
            exact = gauss_newton(checkpoint, sample, modules, chosen, groups=1).quadratic
        by_draw = scores.reshape(max(draws), count, -1)
        for number in draws:
            sets = [
                by_draw[start : start + number].reshape(number * count, -1)
                for start in range(0, max(draws) - number + 1, number)
            ]
            sampled = [S.T @ S / (seen.tokens * number) for S in sets]
            found.append(_agreement(sampled, exact, seen, protocol, count, number))
    return found


def _directions(
    seen: Measurement, protocol: FinetuneOptions, count: int
) -> tuple[Directions, Float64[Array, "s K"]]:
    """Directions, and the sampled gradient of each draw of each sequence along them."""
    factors = LoraFactors.drawn(seen.modules, protocol)
    tokens = torch.tensor(seen.row_tokens, dtype=torch.float64)
    left: dict[str, Array] = {}
    right: dict[str, Array] = {}
    scores: list[torch.Tensor] = []
    for module in seen.modules:
        D, S = (seen.sums[f"{kind}/{module.name}"].double() for kind in ("data", "sampled"))
        g = D.sum(dim=0) / tokens.sum()
        moment = second_moment(
            g, D.var(dim=0, correction=0), protocol.batch_size, float(tokens.mean())
        )
        step = (g * inverse_root(moment, 0.5)).view(module.out_features, -1)[:, :count]
        length = (step.square() * moment.sqrt().view(module.out_features, -1)[:, :count]).sum(dim=0)
        step = step / length.sqrt().clamp(min=1e-30)
        left[module.name] = step.T.numpy()
        right[module.name] = factors.scaling * factors.A[module.name][:count].double().numpy()
        rows = S.view(len(S), module.out_features, -1)[:, :, :count]
        scores.append(torch.einsum("smk,mk->sk", rows, step))
    return Directions(seen.modules, left, right), torch.cat(scores, dim=1).numpy()


def _agreement(
    sampled: Sequence[Array],
    exact: BlockQuadratic,
    seen: Measurement,
    protocol: FinetuneOptions,
    sequences: int,
    draws: int,
) -> Agreement:
    ridge = np.eye(len(exact.gradient)) / (2 * protocol.time)
    labels = [module.layer for module in seen.modules]

    def of_run(curvature: Array) -> BlockQuadratic:
        return BlockQuadratic(exact.gradient, curvature + ridge, exact.sizes).regroup(labels)

    ours, theirs = [of_run(F) for F in sampled], of_run(exact.curvature)
    gains = np.array([one.gain() for one in ours]) / theirs.gain()
    orders = [spearmanr(one.residual_norms, theirs.residual_norms).statistic for one in ours]
    scale = np.linalg.norm(exact.curvature)
    return Agreement(
        sequences=sequences,
        draws=draws,
        sets=len(sampled),
        matrix_error=float(np.mean([np.linalg.norm(F - exact.curvature) for F in sampled]) / scale),
        order=float(np.mean(orders)) if theirs.layers > 2 else 1.0,
        gain=float(gains.mean()),
        gain_error=float(np.sqrt(np.mean((gains - 1) ** 2))),
        coupling=float(np.mean([one.coupling for one in ours])),
        exact_coupling=float(theirs.coupling),
    )
