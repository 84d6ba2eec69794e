"""Gradients in LoRA's own coordinates at the start of training, sequence by sequence."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from realmodel.architectures import AdaptedModule
from realmodel.batches import IGNORED, EncodedExample, batches
from realmodel.finetune.adapter import adapted, adapter_parameters
from realmodel.finetune.options import FinetuneOptions
from theory.arrays import Array, Float64


@dataclass(frozen=True)
class TangentGradients:
    """Per layer, the gradient of each sequence's summed loss in the coordinates of ``B``.

    At the start of training ``B = 0``, so a step moves ``B`` alone, and the weight moves in the
    span of ``A``: these are the directions that LoRA can take, all of them at once.

    Parameters
    ----------
    data : dict of int to (n, p) array, float32
        With the data's labels: their sum over the tokens' number is the gradient.
    sampled : dict of int to (n, p) array, float32
        With labels drawn from the model: ``E[s s']`` is the Gauss-Newton matrix of the sequence
        (an unbiased one-draw estimate of it).
    tokens : (n,) array
        Completion tokens of each sequence.
    """

    data: dict[int, Array]
    sampled: dict[int, Array]
    tokens: Float64[Array, " n"]


def tangent_gradients(
    model: Any,
    encoded: Sequence[EncodedExample],
    modules: Sequence[AdaptedModule],
    options: FinetuneOptions,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> TangentGradients:
    """One forward and two backward passes per sequence.

    Parameters
    ----------
    model : causal language model
        Left as it was.
    encoded : sequence of EncodedExample
        The sequences.
    modules : sequence of AdaptedModule
        All that could be adapted.
    options : FinetuneOptions
        Its rank, alpha and seed give the adapters.
    progress : callable, optional
        Told the sequences done and of how many.
    """
    layers = sorted({module.layer for module in modules})
    rows: dict[str, dict[int, list[Array]]] = {
        kind: {layer: [] for layer in layers} for kind in ("data", "sampled")
    }
    tokens: list[float] = []
    with adapted(model, modules, options) as peft_model:
        parameters = adapter_parameters(peft_model)
        outer = {name: value for name, value in parameters.items() if ".lora_B." in name}
        layer_of = {
            name: next(m.layer for m in modules if f".{m.name}.lora_B." in name) for name in outer
        }
        device = next(iter(outer.values())).device
        generator = torch.Generator().manual_seed(options.seed)
        for done, batch in enumerate(batches(encoded, batch_size=1, pad_id=0)):
            labels = batch.labels[0, 1:]
            first = int((labels != IGNORED).to(torch.int64).argmax())
            logits = peft_model(
                input_ids=batch.input_ids.to(device),
                use_cache=False,
                logits_to_keep=len(labels) + 1 - first,
            ).logits[0, :-1]
            counted = labels[first:] != IGNORED
            logits, target = logits[counted.to(logits.device)].float(), labels[first:][counted]
            target = target.to(logits.device)
            tokens.append(float(len(target)))
            # Drawn on the host: the same labels on every device.
            chances = logits.detach().softmax(-1).cpu()
            draws = torch.multinomial(chances, 1, generator=generator)[:, 0].to(logits.device)
            for kind, wanted in (("data", target), ("sampled", draws)):
                loss = torch.nn.functional.cross_entropy(logits, wanted, reduction="sum")
                gradients = torch.autograd.grad(
                    loss, list(outer.values()), retain_graph=kind == "data"
                )
                parts: dict[int, list[Array]] = {layer: [] for layer in layers}
                for name, gradient in zip(outer, gradients, strict=True):
                    parts[layer_of[name]].append(gradient.flatten().float().cpu().numpy())
                for layer in layers:
                    rows[kind][layer].append(np.concatenate(parts[layer]))
            progress(done + 1, len(encoded))
    return TangentGradients(
        data={layer: np.stack(values) for layer, values in rows["data"].items()},
        sampled={layer: np.stack(values) for layer, values in rows["sampled"].items()},
        tokens=np.array(tokens),
    )
