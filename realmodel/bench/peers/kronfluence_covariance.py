"""kronfluence: activation and pseudo-gradient covariance per module (empirical Fisher)."""

# pyright: reportMissingImports=false, reportUntypedBaseClass=false
import tempfile
from typing import Any

import torch
from kronfluence.analyzer import Analyzer, prepare_model
from kronfluence.arguments import FactorArguments
from kronfluence.task import Task
from kronfluence.utils.dataset import DataLoaderKwargs
from torch.utils.data import Dataset

from realmodel.bench.peers.peer import Outcome, Work
from realmodel.model.batches import Batch, EncodedExample, batches, completion_loss


class Sequences(Dataset[EncodedExample]):
    """The examples, unpadded."""

    def __init__(self, work: Work) -> None:
        self.examples = work.examples

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, index: int) -> EncodedExample:
        return self.examples[index]


def collate(examples: list[EncodedExample]) -> dict[str, torch.Tensor]:
    """Pad one batch as everybody else does."""
    batch = next(batches(examples, batch_size=len(examples), pad_id=0))
    return {name: getattr(batch, name) for name in Batch.__dataclass_fields__}


class CompletionLoss(Task):
    """Summed loss on the completion."""

    def __init__(self, work: Work) -> None:
        self.names = [
            module.name
            for module in work.modules
            if isinstance(work.model.get_submodule(module.name), torch.nn.Linear)
        ]

    def compute_train_loss(self, batch: Any, model: Any, sample: bool = False) -> torch.Tensor:
        """Sum over completion tokens, with the data's own labels."""
        loss, _ = completion_loss(model, Batch(**batch))
        return loss

    def compute_measurement(self, batch: Any, model: Any) -> torch.Tensor:
        """The same; unused by the covariance."""
        return self.compute_train_loss(batch, model)

    def get_influence_tracked_modules(self) -> list[str]:
        """The plain linear maps: Conv1D is not supported by kronfluence."""
        return self.names

    def get_attention_mask(self, batch: Any) -> torch.Tensor:
        """Keep padding out of the moments."""
        mask: torch.Tensor = batch["attention_mask"]
        return mask


def run(work: Work) -> Outcome:
    """Fit the covariance matrices of kronfluence on the same batches."""
    task = CompletionLoss(work)
    if not task.names:
        return Outcome(note="knows nn.Linear only: no Conv1D module can be tracked")
    model = prepare_model(work.model, task)
    with tempfile.TemporaryDirectory() as folder:
        analyzer = Analyzer("peer", model, task, cpu=True, output_dir=folder, disable_tqdm=True)
        analyzer.set_dataloader_kwargs(DataLoaderKwargs(collate_fn=collate))
        analyzer.fit_covariance_matrices(
            "covariance",
            Sequences(work),
            per_device_batch_size=work.batch_size,
            factor_args=FactorArguments(strategy="ekfac", use_empirical_fisher=True),
            overwrite_output_dir=True,
        )
        found = analyzer.load_covariance_matrices("covariance")
    positions = sum(len(example.input_ids) for example in work.examples)
    tokens = sum(label != -100 for example in work.examples for label in example.labels)
    values: dict[str, torch.Tensor] = {}
    for module in work.modules:
        if module.name not in task.names:
            continue
        if module.name == module.input_group:
            size = module.in_features  # a bias adds a row and a column of ones
            moment = found["activation_covariance"][module.name][:size, :size]
            values[f"sigma/{module.name}"] = moment / positions
        gamma = found["gradient_covariance"][module.name]
        values[f"gamma/{module.name}"] = gamma / tokens
    return Outcome(values, "tracks nn.Linear only; one product per module, shared input or not")
