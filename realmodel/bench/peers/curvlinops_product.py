"""curvlinops: the Gauss-Newton matrix as a linear operator."""

# pyright: reportMissingImports=false, reportUntypedBaseClass=false
from typing import Any

import torch
from curvlinops import GGNLinearOperator

from realmodel.bench.peers.peer import Outcome, Work
from realmodel.model.batches import Batch, batches


class CompletionRows(torch.nn.Module):
    """Logits of the completion positions as rows, the form that curvlinops takes."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: Any) -> torch.Tensor:
        """One row per completion token of the batch."""
        inputs = Batch(**{name: batch[name] for name in Batch.__dataclass_fields__})
        logits = self.model(**inputs.inputs, use_cache=False).logits[:, :-1]
        return logits[inputs.labels[:, 1:] != -100]


def run(work: Work) -> Outcome:
    """``u' H u`` along one direction per module: one product with the stacked directions."""
    wrapped = CompletionRows(work.model)
    names = [module.name for module in work.modules]
    weights = {name: work.model.get_submodule(name).weight for name in names}
    for weight in weights.values():
        weight.requires_grad_(True)
    data = []
    for batch in batches(work.examples, batch_size=work.batch_size, pad_id=0):
        fields = {name: getattr(batch, name) for name in Batch.__dataclass_fields__}
        targets = batch.labels[:, 1:]
        data.append((fields, targets[targets != -100]))
    operator = GGNLinearOperator(
        wrapped,
        torch.nn.CrossEntropyLoss(reduction="mean"),
        list(weights.values()),
        data,
        check_deterministic=False,
        num_data=sum(len(targets) for _, targets in data),
        batch_size_fn=lambda batch: int((batch["labels"][:, 1:] != -100).sum()),
    )
    stacked = []
    for module in work.modules:
        left, right = work.directions.left[module.name], work.directions.right[module.name]
        dense = right.T @ left if module.transposed else left.T @ right
        stacked.append(torch.from_numpy(dense).float())
    product = operator @ stacked
    joint = sum((u * v).sum() for u, v in zip(stacked, product, strict=True))
    for weight in weights.values():
        weight.requires_grad_(False)
    return Outcome(
        {"curvature/joint": torch.as_tensor(joint)},
        "one product; K directions would take K of them",
    )
