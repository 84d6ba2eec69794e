"""LoRA fine-tuning of any placement by peft, measured and resumable."""

from realmodel.finetuning.result import FinetuneResult, Forgetting, GenerationScores, Latency
from realmodel.finetuning.run import finetune
from realmodel.model.lora_protocol import FinetuneOptions
from realmodel.model.target import target_modules

__all__ = [
    "FinetuneOptions",
    "FinetuneResult",
    "Forgetting",
    "GenerationScores",
    "Latency",
    "finetune",
    "target_modules",
]
