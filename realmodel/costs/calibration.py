"""A short micro-benchmark on the user's device: what a placement really costs (8e)."""

import time
import warnings
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from peft import LoraConfig, get_peft_model
from scipy.optimize import nnls

from realmodel.costs.adapter_cost import adapter_cost
from realmodel.costs.device_costs import DeviceCosts
from realmodel.measure.attention import attention
from realmodel.model.batches import Batch, completion_loss
from realmodel.model.forward import window_of
from realmodel.model.lora_config import lora_config_arguments
from realmodel.model.modules import AdaptedModule
from theory import InputError
from theory.choice.cost_model import CostModel

OPTIMISER_BYTES = 12
"""Gradient and AdamW's two moments of one float32 parameter."""


def counted_costs(
    model: Any, modules: Sequence[AdaptedModule], *, rank: int, tokens: int
) -> DeviceCosts:
    """Costs counted from shapes, for a model that is not run: operations instead of seconds.

    Attention scores, norms and activations are left out of the operations; the bytes that
    backward keeps in a frozen block are taken as the inputs of its linear maps.
    """
    table = _by_layer(modules)
    total = sum(p.numel() for p in model.parameters())
    embedding = model.get_input_embeddings().weight.numel()
    linear = [sum(m.in_features * m.out_features for m in own) for own in table.values()]
    inputs = [{m.input_group: m.in_features for m in own} for own in table.values()]
    costs = [adapter_cost(own, rank) for own in table.values()]
    vocabulary = embedding // model.get_input_embeddings().weight.shape[1]
    return DeviceCosts(
        time=CostModel(
            tuple(float(tokens * (c.forward_flops + c.backward_flops)) for c in costs),
            base=2.0 * tokens * total,
            per_depth=2.0 * tokens * float(np.mean(linear)),
        ),
        memory=CostModel(
            tuple(float(tokens * c.kept_bytes + OPTIMISER_BYTES * c.parameters) for c in costs),
            base=4.0 * tokens * vocabulary,
            per_depth=4.0 * tokens * float(np.mean([sum(group.values()) for group in inputs])),
        ),
        serving=CostModel(tuple(float(c.forward_flops) for c in costs)),
        parameters=CostModel(tuple(float(c.parameters) for c in costs)),
        rank=rank,
        tokens=tokens,
        calibrated=False,
        device="counted from shapes",
    )


def calibrated_costs(
    model: Any,
    modules: Sequence[AdaptedModule],
    batch: Batch,
    *,
    rank: int,
    seconds: float = 5.0,
    progress: Callable[[], None] = lambda: None,
) -> DeviceCosts:
    """Fit ``base + per_depth (L - min S) + sum c_l`` to measured training steps.

    Five placements are run through peft: the highest layer, the lowest, a middle one, the upper
    half and all. Time is the fastest of several steps (forward, backward, AdamW); memory is the
    exact count of the bytes that autograd keeps, plus gradients and AdamW's state; serving is
    the slowdown of a one-token forward pass with unmerged adapters. Fits are non-negative.

    Parameters
    ----------
    model : transformers model
        Given back unchanged.
    modules : sequence of AdaptedModule
    batch : Batch
        One training step's data.
    rank : int
    seconds : float
        Stop repeating a placement after about this share of the whole.
    progress : callable
        Called once per measured placement (six times).

    Raises
    ------
    InputError
        If the device's memory does not hold a training step of this batch.
    """
    table = _by_layer(modules)
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
    rows, times, kept = [], [], []
    with attention(model, "sdpa"):
        try:
            for positions in chosen:
                with _adapted(model, modules, [layers[i] for i in positions], rank) as adapted:
                    step = _training_step(adapted, batch)
                    kept.append(_kept_bytes(step, model))
                    times.append(_fastest(step, device, seconds / (2 * len(chosen))))
                rows.append([1.0, depth - positions[0], weights[list(positions)].sum()])
                progress()
            added = _serving(model, modules, layers, batch, rank, seconds / 4)
            progress()
        except torch.OutOfMemoryError as error:
            raise InputError(
                "the device's memory does not hold a training step of "
                f"{tuple(batch.input_ids.shape)} tokens: take smaller batches, or count the costs "
                "instead of measuring them"
            ) from error
    design = np.asarray(rows)
    seconds_fit, memory_fit = _fit(design, np.array(times)), _fit(design, np.array(kept))
    errors = np.abs(design @ seconds_fit / np.array(times) - 1)
    share = np.array([len(own) for own in table.values()]) / len(modules)
    state = OPTIMISER_BYTES * np.asarray(counted.parameters.per_layer)
    return DeviceCosts(
        time=_cost(seconds_fit, seconds_fit[2] * weights),
        memory=_cost(memory_fit, memory_fit[2] * weights + state),
        serving=CostModel(tuple((added * share).tolist())),
        parameters=counted.parameters,
        rank=rank,
        tokens=int(batch.attention_mask.sum()),
        calibrated=True,
        device=_name(device),
        residual=float(errors.max()),
    )


def random_batch(model: Any, tokens: int, *, length: int = 64, seed: int = 0) -> Batch:
    """Random token ids of about ``tokens`` tokens in all: what a step costs does not ask which."""
    length = min(length, tokens, window_of(model))
    rows = max(tokens // length, 1)
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(
        len(model.get_input_embeddings().weight), (rows, length), generator=generator
    )
    return Batch(ids, torch.ones_like(ids), ids, torch.arange(rows))


def _by_layer(modules: Sequence[AdaptedModule]) -> dict[int, list[AdaptedModule]]:
    table: dict[int, list[AdaptedModule]] = {}
    for module in sorted(modules, key=lambda module: module.layer):
        table.setdefault(module.layer, []).append(module)
    return table


def _cost(fit: np.ndarray, per_layer: np.ndarray) -> CostModel:
    return CostModel(tuple(per_layer.tolist()), base=float(fit[0]), per_depth=float(fit[1]))


def _fit(design: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Non-negative least squares on relative errors."""
    return np.asarray(nnls(design / values[:, None], np.ones(len(values)))[0])


@contextmanager
def _adapted(
    model: Any, modules: Sequence[AdaptedModule], layers: list[int], rank: int
) -> Generator[Any]:
    flags = {name: parameter.requires_grad for name, parameter in model.named_parameters()}
    arguments = lora_config_arguments(layers, modules, rank)
    state = torch.random.get_rng_state()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing.*")
        adapted = get_peft_model(model, LoraConfig(**arguments))
    try:
        yield adapted
    finally:
        adapted.unload()
        if hasattr(model, "peft_config"):
            del model.peft_config
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(flags[name])
            parameter.grad = None
        torch.random.set_rng_state(state)


def _training_step(adapted: Any, batch: Batch) -> Callable[[], None]:
    trainable = [p for p in adapted.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(trainable, lr=0.0)

    def step() -> None:
        loss, count = completion_loss(adapted, batch)
        (loss / max(count, 1)).backward()
        optimiser.step()
        optimiser.zero_grad()

    return step


def _kept_bytes(step: Callable[[], None], model: Any) -> float:
    """Bytes that autograd keeps between forward and backward, without the model's own weights."""
    own = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    kept: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        step()
    return float(sum(kept.values()))


def _fastest(run: Callable[[], None], device: torch.device, seconds: float) -> float:
    """Fastest of the runs that fit in about ``seconds``; of one that takes longer, its own time."""
    best, begin = np.inf, time.perf_counter()
    count = 0
    while count < 1 or (time.perf_counter() - begin < seconds and count < 50):
        _wait(device)
        start = time.perf_counter()
        run()
        _wait(device)
        best = min(best, time.perf_counter() - start)
        count += 1
    return float(best)


def _serving(
    model: Any,
    modules: Sequence[AdaptedModule],
    layers: list[int],
    batch: Batch,
    rank: int,
    seconds: float,
) -> float:
    """Seconds that adapters in every layer add to one decoded token."""
    device = batch.input_ids.device
    token = batch.input_ids[:1, :1]

    def decode(network: Any) -> Callable[[], None]:
        def run() -> None:
            with torch.inference_mode():
                network(input_ids=token, use_cache=False)

        return run

    plain = _fastest(decode(model), device, seconds)
    with _adapted(model, modules, layers, rank) as adapted:
        slowed = _fastest(decode(adapted), device, seconds)
    return max(slowed - min(plain, _fastest(decode(model), device, seconds)), 0.0)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _name(device: torch.device) -> str:
    if device.type == "cuda":
        return str(torch.cuda.get_device_name(device))
    return f"{device.type}, {torch.get_num_threads()} threads"
