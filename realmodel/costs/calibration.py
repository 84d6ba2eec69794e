"""A short micro-benchmark on the user's device: what a placement really costs (8e)."""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch
from peft import LoraConfig, PeftModel
from scipy.optimize import nnls

from realmodel.costs.checkpointing import Checkpointing, checkpointed
from realmodel.costs.counted import OPTIMISER_BYTES, by_layer, counted_costs
from realmodel.costs.device_costs import DeviceCosts
from realmodel.costs.peak_bytes import peak_bytes
from realmodel.measure.attention import attention
from realmodel.model.batches import Batch, completion_loss
from realmodel.model.forward import window_of
from realmodel.model.lora_config import lora_config_arguments
from realmodel.model.modules import AdaptedModule
from realmodel.model.peft_adapters import peft_adapters
from realmodel.runs.stopwatch import Clock, fastest
from theory import InputError
from theory.choice.cost_model import CostModel

ROUNDS = 2
"""Times that every placement is visited: a machine's slow minutes then hit none of them alone."""

PLACEMENTS = 5


def calibrated_costs(
    model: Any,
    modules: Sequence[AdaptedModule],
    batch: Batch,
    *,
    rank: int,
    gradient_checkpointing: Checkpointing = "none",
    seconds: float = 5.0,
    clock: Clock = time.perf_counter,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> DeviceCosts:
    """Fit ``base + per_depth (L - min S) + sum c_l`` to measured training steps.

    Five placements are run through peft: the highest layer, the lowest, a middle one, the upper
    half and all. Time is the fastest of several steps (forward, backward, AdamW), in two rounds;
    memory is the peak of one step beyond the model, plus the adapters and AdamW's state; serving
    is the slowdown of a one-token forward pass with unmerged adapters. Fits are non-negative.

    Parameters
    ----------
    model : transformers model
        Given back unchanged.
    modules : sequence of AdaptedModule
    batch : Batch
        One training step's data, padded as the planned run pads it.
    rank : int
    gradient_checkpointing : {"none", "reentrant", "non-reentrant"}
        As :func:`realmodel.costs.checkpointing.checkpointed`.
    seconds : float
        Stop repeating a placement after about this share of the whole.
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
    counted = counted_costs(model, modules, rank=rank, tokens=int(batch.attention_mask.sum()))
    weights = np.asarray(counted.parameters.per_layer)
    weights = weights / weights.mean()
    device = next(model.parameters()).device
    batch = batch.to(device)
    times, kept = np.full(len(chosen), np.inf), np.zeros(len(chosen))
    share, total = seconds / (2 * ROUNDS * len(chosen)), ROUNDS * len(chosen) + 1
    with attention(model, "sdpa"):
        try:
            for turn in range(ROUNDS):
                for at, positions in enumerate(chosen):
                    own = [layers[i] for i in positions]
                    with (
                        adapters(model, modules, own, rank) as adapted,
                        checkpointed(model, gradient_checkpointing),
                    ):
                        step = training_step(adapted, batch)
                        if turn == 0:
                            step()  # AdamW makes its state, which is counted apart
                            kept[at] = peak_bytes(step, device)
                        times[at] = min(times[at], fastest(step, device, share, clock=clock))
                    progress(turn * len(chosen) + at + 1, total)
            added = _serving(model, modules, layers, batch, rank, seconds / 4, clock)
            progress(total, total)
        except torch.OutOfMemoryError as error:
            raise InputError(
                "the device's memory does not hold a training step of "
                f"{tuple(batch.input_ids.shape)} tokens: take smaller batches, or count costs "
                "instead of measuring them"
            ) from error
    design = np.asarray([[1.0, depth - at[0], weights[list(at)].sum()] for at in chosen])
    seconds_fit, memory_fit = _fit(design, times), _fit(design, kept)
    counts = np.array([len(own) for own in table.values()]) / len(modules)
    state = OPTIMISER_BYTES * np.asarray(counted.parameters.per_layer)
    return DeviceCosts(
        time=_cost(seconds_fit, seconds_fit[2] * weights),
        memory=_cost(memory_fit, memory_fit[2] * weights + state),
        serving=CostModel(tuple((added * counts).tolist())),
        parameters=counted.parameters,
        rank=rank,
        tokens=int(batch.attention_mask.sum()),
        calibrated=True,
        device=_name(device),
        residual=_worst(design @ seconds_fit, times),
        memory_residual=_worst(design @ memory_fit, kept),
        gradient_checkpointing=gradient_checkpointing,
        batch=(batch.input_ids.shape[0], batch.input_ids.shape[1]),
    )


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


def adapters(
    model: Any, modules: Sequence[AdaptedModule], layers: Sequence[int], rank: int
) -> AbstractContextManager[PeftModel]:
    """The model with peft's adapters on the layers."""
    return peft_adapters(model, LoraConfig(**lora_config_arguments(layers, modules, rank)))


def training_step(adapted: Any, batch: Batch) -> Callable[[], None]:
    """Forward, backward and AdamW on one batch, at learning rate zero."""
    trainable = [p for p in adapted.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(trainable, lr=0.0)

    def step() -> None:
        loss, count = completion_loss(adapted, batch)
        (loss / max(count, 1)).backward()
        optimiser.step()
        optimiser.zero_grad()

    return step


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
    with adapters(model, modules, layers, rank) as adapted:
        slowed = fastest(decode(adapted), device, seconds, clock=clock)
    plain = min(plain, fastest(decode(model), device, seconds, clock=clock))
    return max(slowed - plain, 0.0)


def _name(device: torch.device) -> str:
    if device.type == "cuda":
        return str(torch.cuda.get_device_name(device))
    return f"{device.type}, {torch.get_num_threads()} threads"
