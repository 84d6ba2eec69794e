"""A short micro-benchmark on the user's device: what a placement really costs (8e)."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from peft import LoraConfig
from scipy.optimize import nnls

from realmodel.costs.adapter_cost import adapter_cost
from realmodel.costs.checkpointing import Checkpointing
from realmodel.costs.counted import OPTIMISER_BYTES, by_layer, counted_costs
from realmodel.costs.device_costs import DeviceCosts
from realmodel.costs.live_steps import in_rounds, live_steps
from realmodel.costs.peak_bytes import peak_bytes
from realmodel.measure.attention import attention
from realmodel.model.batches import Batch
from realmodel.model.forward import window_of
from realmodel.model.lora_config import lora_config_arguments
from realmodel.model.modules import AdaptedModule
from realmodel.model.peft_adapters import peft_adapters
from realmodel.runs.stopwatch import Clock, fastest
from theory import InputError
from theory.arrays import Array, Float64
from theory.choice.cost_model import CostModel

ROUNDS = 3
"""Rounds also where they take longer than the time given, until the fit is close."""

CLOSE = 0.1
"""A fit is close when it misses no step by more than this share."""


def calibrated_costs(
    model: Any,
    modules: Sequence[AdaptedModule],
    batch: Batch,
    *,
    rank: int,
    gradient_checkpointing: Checkpointing = "none",
    packing: int | None = None,
    seconds: float = 5.0,
    clock: Clock = time.perf_counter,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> DeviceCosts:
    """Fit ``base + per_depth (L - min S) + sum c_l`` to measured training steps.

    Six placements are run through peft: the highest layer, the lowest, a middle one, the upper
    half, all, and the larger half of every layer's modules, which tells what goes by their number
    from what goes by their size. Time is forward, backward and AdamW: the placements take turns,
    and each counts by the median over the rounds of its share of all layers' step, whose fastest
    sets the level. Memory is the peak of one step beyond the model, plus the adapters and AdamW's
    state; serving is the slowdown of a one-token forward pass with unmerged adapters. Fits are
    non-negative.

    Parameters
    ----------
    model : transformers model
        Given back unchanged.
    modules : sequence of AdaptedModule
    batch : Batch
        One training step's data, padded or packed as in the planned run.
    rank : int
    gradient_checkpointing : {"none", "reentrant", "non-reentrant"}
        As :func:`realmodel.costs.checkpointing.checkpointed`.
    packing : int, optional
        Tokens of a row where the batch is packed (:func:`realmodel.costs.packing.packed`).
    seconds : float
        After so many no further round is begun, if three are done or the fit is close.
    clock : callable
        Seconds; ``time.process_time`` measures processor time, for a machine that is shared.
    progress : callable
        Told how many of how many measurements are done.

    Raises
    ------
    InputError
        If the device's memory does not hold a training step of this batch, or the model cannot
        checkpoint.
    """
    table = by_layer(modules)
    layers = list(table)
    depth = len(layers)
    chosen = sorted(
        {(depth - 1,), (0,), (depth // 2,), tuple(range(depth // 2, depth)), tuple(range(depth))}
    )
    inside = [[module for at in own for module in table[layers[at]]] for own in chosen]
    of_layers, every = slice(len(chosen)), chosen.index(tuple(range(depth)))
    if larger := [module for own in table.values() for module in _larger(own)]:
        chosen, inside = [*chosen, chosen[every]], [*inside, larger]
    counted = counted_costs(model, modules, rank=rank, tokens=int(batch.attention_mask.sum()))
    sizes = [adapter_cost(own, rank).parameters * depth for own in inside]
    by_size = np.array(sizes) / sum(counted.parameters.per_layer)
    by_number = np.array([len(own) for own in inside]) * depth / len(modules)
    reach = [depth - own[0] for own in chosen]
    design = np.column_stack([np.ones(len(chosen)), reach, by_number, by_size])
    plain = design[of_layers][:, [0, 1, 3]]

    def timed(rounds: Float64[Array, "r n"]) -> tuple[Float64[Array, " n"], Float64[Array, "4"]]:
        """Seconds of every placement's step, and the fit to them."""
        times = np.median(rounds / rounds[:, [every]], axis=0) * rounds[:, every].min()
        return times, _fit(design, times)

    def settled(rounds: Float64[Array, "r n"]) -> bool:
        times, fit = timed(rounds)
        return _worst(design @ fit, times) <= CLOSE

    device = next(model.parameters()).device
    batch = batch.to(device)
    kept = np.zeros(len(plain))
    total = len(plain) + ROUNDS + 1
    try:
        with live_steps(model, inside, batch, rank=rank, kind=gradient_checkpointing) as steps:
            if device.type == "cuda":
                steps[every]()  # cuBLAS takes its workspace, which stays
            for at, step in enumerate(steps[of_layers]):
                kept[at] = peak_bytes(step, device)
                progress(at + 1, total)
            rounds = in_rounds(
                steps,
                device,
                clock,
                seconds=seconds,
                at_least=ROUNDS,
                settled=settled,
                finished=lambda done: progress(len(plain) + min(done, ROUNDS), total),
            )
        with attention(model, "sdpa"):
            added = _serving(model, modules, layers, batch, rank, seconds / 4, clock)
        progress(total, total)
    except torch.OutOfMemoryError as error:
        raise InputError(
            "the device's memory does not hold a training step of "
            f"{tuple(batch.input_ids.shape)} tokens: take smaller batches, or count costs "
            "instead of measuring them"
        ) from error
    times, seconds_fit = timed(rounds)
    memory_fit = _fit(plain, kept)
    counts = np.array([len(own) for own in table.values()]) * depth / len(modules)
    weights = np.asarray(counted.parameters.per_layer)
    weights = weights / weights.mean()
    state = OPTIMISER_BYTES * np.asarray(counted.parameters.per_layer)
    fixed, grows = seconds_fit[2:]
    return DeviceCosts(
        time=_cost(seconds_fit, fixed * counts + grows * weights),
        memory=_cost(memory_fit, memory_fit[2] * weights + state),
        serving=CostModel(tuple((added * counts / depth).tolist())),
        parameters=counted.parameters,
        rank=rank,
        tokens=int(batch.attention_mask.sum()),
        calibrated=True,
        device=_name(device),
        residual=_worst(design @ seconds_fit, times),
        memory_residual=_worst(plain @ memory_fit, kept),
        gradient_checkpointing=gradient_checkpointing,
        batch=(batch.input_ids.shape[0], batch.input_ids.shape[1]),
        fixed_share=float(fixed / (fixed + grows)) if fixed + grows > 0 else 1.0,
        packing=packing,
    )


def _larger(modules: Sequence[AdaptedModule]) -> list[AdaptedModule]:
    """The larger half of a layer's modules."""
    by_size = sorted(modules, key=lambda module: module.in_features + module.out_features)
    return by_size[len(by_size) - len(by_size) // 2 :]


def random_batch(model: Any, rows: int, length: int, *, seed: int = 0) -> Batch:
    """Random token ids of ``rows`` full sequences: what a step costs does not ask which."""
    length = min(length, window_of(model))
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(
        len(model.get_input_embeddings().weight), (rows, length), generator=generator
    )
    return Batch(ids, torch.ones_like(ids), ids, torch.arange(rows))


def _cost(fit: np.ndarray, per_layer: np.ndarray) -> CostModel:
    return CostModel(tuple(per_layer.tolist()), base=float(fit[0]), per_depth=float(fit[1]))


def _fit(design: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Non-negative least squares on relative errors."""
    return np.asarray(nnls(design / values[:, None], np.ones(len(values)))[0])


def _worst(fitted: np.ndarray, values: np.ndarray) -> float:
    return float(np.abs(fitted / values - 1).max())


def _serving(
    model: Any,
    modules: Sequence[AdaptedModule],
    layers: list[int],
    batch: Batch,
    rank: int,
    seconds: float,
    clock: Clock,
) -> float:
    """Seconds that adapters in every layer add to one decoded token."""
    device = batch.input_ids.device
    token = batch.input_ids[:1, :1]

    def decode(network: Any) -> Callable[[], None]:
        def run() -> None:
            with torch.inference_mode():
                network(input_ids=token, use_cache=False)

        return run

    plain = fastest(decode(model), device, seconds, clock=clock)
    config = LoraConfig(**lora_config_arguments(layers, modules, rank))
    with peft_adapters(model, config) as adapted:
        slowed = fastest(decode(adapted), device, seconds, clock=clock)
    plain = min(plain, fastest(decode(model), device, seconds, clock=clock))
    return max(slowed - plain, 0.0)


def _name(device: torch.device) -> str:
    if device.type == "cuda":
        return str(torch.cuda.get_device_name(device))
    threads = torch.get_num_threads()
    return f"{device.type}, {threads} thread{'' if threads == 1 else 's'}"
