"""What a run costs: memory, adapter size, latency with unmerged adapters."""

import resource
import statistics
import sys
from collections.abc import Mapping

import torch
from peft import PeftModel

from realmodel.finetuning.result import Latency
from realmodel.model.batches import Batch
from realmodel.runs.stopwatch import elapsed


def peak_memory_bytes(device: torch.device) -> int:
    """CUDA's peak allocation on ``device``; on a CPU the peak resident size of the process."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def size_in_bytes(parameters: Mapping[str, torch.Tensor]) -> int:
    """Bytes of the tensors as they are stored."""
    return sum(value.numel() * value.element_size() for value in parameters.values())


def forward_latency(peft_model: PeftModel, batch: Batch, *, repeats: int = 5) -> Latency:
    """Median forward time with the adapters off and on, alternating, after one warm-up each."""
    base, adapted = [], []
    for repeat in range(repeats + 1):
        with peft_model.disable_adapter():
            base.append(timed_forward(peft_model, batch))
        adapted.append(timed_forward(peft_model, batch))
        if repeat == 0:
            base.clear()
            adapted.clear()
    return Latency(1e3 * statistics.median(base), 1e3 * statistics.median(adapted))


def timed_forward(model: PeftModel, batch: Batch) -> float:
    """Seconds of one forward pass."""

    def run() -> None:
        with torch.inference_mode():
            model(**batch.inputs, use_cache=False)

    return elapsed(run, batch.input_ids.device)
