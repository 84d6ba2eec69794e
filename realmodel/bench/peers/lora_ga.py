"""peft's LoRA-GA: the mean weight gradient per module."""

from typing import Any

from peft import LoraConfig
from peft.tuners.lora.config import LoraGAConfig
from peft.tuners.lora.loraga import preprocess_loraga

from realmodel.bench.peers.peer import Outcome, Work
from realmodel.model.batches import batches, completion_loss


def run(work: Work) -> Outcome:
    """Accumulate ``weight.grad`` over the batches; LoRA-GA divides by the number of batches."""
    initialisation: Any = "lora_ga"  # missing from peft's annotation
    config = LoraConfig(
        target_modules=[module.name for module in work.modules],
        init_lora_weights=initialisation,
        lora_ga_config=LoraGAConfig(),
    )
    tokens, steps = 0, 0

    def train_step() -> None:
        nonlocal tokens, steps
        for batch in batches(work.examples, batch_size=work.batch_size, pad_id=0):
            loss, count = completion_loss(work.model, batch)
            loss.backward()
            tokens, steps = tokens + count, steps + 1

    preprocess_loraga(work.model, config, train_step)
    values = {}
    for module in work.modules:
        layer = work.model.get_submodule(module.name)
        mean = layer._peft_loraga_grad * steps / tokens
        values[f"gradient/{module.name}"] = mean.T if module.transposed else mean
        del layer._peft_loraga_grad
    return Outcome(values, "averages over batches, not tokens; rescaled here")
