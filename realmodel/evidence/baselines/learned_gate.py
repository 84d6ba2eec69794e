"""A gate for every layer, learned beside the adapters of all layers, as Flexora does.

Each layer's adapter is multiplied by ``L softmax(a)_l``. In turn one step of the protocol moves the
adapters on a batch, and one step moves the gates on another: of its bilevel problem the first-order
part. The gates start equal; a layer's score is what its gate has become.
"""

from typing import Any

import torch

from realmodel.evidence.baselines.context import Context
from realmodel.evidence.baselines.score import Baseline, LayerScores
from realmodel.finetuning.loss import trailing_loss
from realmodel.finetuning.schedule import batch_schedule
from realmodel.model.adapter import adapted, adapter_parameters
from realmodel.model.batches import batches, padding_id

RATE = 0.05
"""Of Adam's steps of the gates."""


def score(context: Context) -> LayerScores:
    """The gates after half of the run's steps, each with a step of the gates."""
    checkpoint, protocol = context.runs_on, context.protocol
    steps = max(1, protocol.steps // 2)
    pad_id = padding_id(checkpoint.tokenizer)
    logits = torch.zeros(len(context.layers), device=checkpoint.model.device, requires_grad=True)
    place = {layer: at for at, layer in enumerate(context.layers)}
    schedule = batch_schedule(
        context.encoded, batch_size=protocol.batch_size, steps=2 * steps, seed=protocol.seed
    )
    with adapted(checkpoint.model, context.modules, protocol) as peft_model:
        base: Any = peft_model.base_model.model
        own = [(place[m.layer], base.get_submodule(m.name)) for m in context.modules]
        scaling = [float(module.scaling["default"]) for _, module in own]
        factors = list(adapter_parameters(peft_model).values())
        optimizers = (
            torch.optim.AdamW(factors, lr=protocol.learning_rate, weight_decay=0.0),
            torch.optim.AdamW([logits], lr=RATE, weight_decay=0.0),
        )
        try:
            for step, chosen in enumerate(schedule):
                rows = [context.encoded[index] for index in chosen]
                batch = next(batches(rows, batch_size=len(rows), pad_id=pad_id))
                gates = len(context.layers) * torch.softmax(logits, dim=0)
                _scale(own, scaling, gates)
                loss, count = trailing_loss(peft_model, batch.to(checkpoint.model.device))
                mine = optimizers[step % 2]
                mine.zero_grad()
                moved = (factors, [logits])[step % 2]
                gradients = torch.autograd.grad(loss / count, moved)
                for parameter, gradient in zip(moved, gradients, strict=True):
                    parameter.grad = gradient
                torch.nn.utils.clip_grad_norm_(moved, protocol.max_gradient_norm)
                mine.step()
        finally:
            for (_, module), value in zip(own, scaling, strict=True):
                module.scaling["default"] = value
    shares = torch.softmax(logits.detach(), dim=0).tolist()
    return LayerScores({layer: float(shares[at]) for layer, at in place.items()})


def _scale(own: list[tuple[int, Any]], scaling: list[float], gates: torch.Tensor) -> None:
    for (at, module), value in zip(own, scaling, strict=True):
        module.scaling["default"] = value * gates[at].to(module.weight.dtype)


BASELINES = (
    Baseline(
        "learned-gate",
        "Learned gate (like Flexora)",
        "Wei et al., Flexora, arXiv 2408.10774 (read of in summaries: gates as hyperparameters, "
        "learned on held-out batches by unrolled differentiation); first-order here",
        "sequences",
        score,
    ),
)
