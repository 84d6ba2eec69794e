"""peft's EVA: truncated SVD of each module's input, until its directions settle."""

from typing import Any

from peft import LoraConfig
from peft.tuners.lora.config import EvaConfig
from peft.tuners.lora.eva import get_eva_state_dict

from realmodel.bench.peers.peer import Outcome, Work
from realmodel.model.batches import batches


def run(work: Work) -> Outcome:
    """Rank 4 directions of every module's input."""
    config = LoraConfig(
        r=4,
        target_modules=[module.name for module in work.modules],
        init_lora_weights="eva",
        eva_config=EvaConfig(rho=1.0),
    )
    loader: list[dict[str, Any]] = [
        {"input_ids": batch.input_ids, "attention_mask": batch.attention_mask}
        for batch in batches(work.examples, batch_size=work.batch_size, pad_id=0)
    ]
    get_eva_state_dict(work.model, loader, config, show_progress_bar=False)
    return Outcome(note="directions only, no moments")
