"""LoRA fine-tuning of any placement by peft, measured and resumable."""

from realmodel.finetune.options import FinetuneOptions
from realmodel.finetune.result import FinetuneResult, GenerationScores, Latency
from realmodel.finetune.run import finetune
from realmodel.finetune.target import target_modules

__all__ = [
    "FinetuneOptions",
    "FinetuneResult",
    "GenerationScores",
    "Latency",
    "finetune",
    "target_modules",
]
