"""peft's CorDA: an input covariance per module and the decomposition of W C."""

import torch
from peft import LoraConfig
from peft.tuners.lora.config import CordaConfig
from peft.tuners.lora.corda import preprocess_corda

from realmodel.bench.peers.peer import Outcome, Work
from realmodel.model.batches import batches


def run(work: Work) -> Outcome:
    """CorDA takes one sequence at a time and divides each by its largest entry."""
    config = LoraConfig(
        target_modules=[module.name for module in work.modules],
        init_lora_weights="corda",
        corda_config=CordaConfig(corda_method="kpm"),
    )

    @torch.no_grad()
    def forward() -> None:
        for batch in batches(work.examples, batch_size=1, pad_id=0):
            work.model(**batch.inputs)

    preprocess_corda(work.model, config, forward)
    for module in work.modules:
        layer = work.model.get_submodule(module.name)
        if hasattr(layer, "eigens"):
            del layer.eigens
    return Outcome(note="each input scaled by its largest entry: not a second moment")
