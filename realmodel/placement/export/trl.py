"""A placement as a script for TRL's ``SFTTrainer``, with the run that the card plans."""

from collections.abc import Mapping
from typing import Any

from realmodel.model.lora_protocol import FinetuneOptions
from realmodel.placement.export.formats import lora_config_code


def trl_code(
    arguments: Mapping[str, Any],
    source: str,
    protocol: FinetuneOptions | None,
    checkpointing: str = "none",
) -> str:
    """Python that trains the placement by TRL, ready to paste.

    Parameters
    ----------
    arguments : mapping
        Of ``peft.LoraConfig``.
    source : str
        Checkpoint.
    protocol : FinetuneOptions or None
        The planned run; TRL's own where the card does not say.
    checkpointing : {"none", "reentrant", "non-reentrant"}
        Gradient checkpointing of the card's costs; TRL's own default voids what high layers save.

    Examples
    --------
    >>> print(trl_code({"r": 8}, "org/model", None))
    from peft import LoraConfig
    <BLANKLINE>
    ARGUMENTS = {'r': 8}
    <BLANKLINE>
    config = LoraConfig(**ARGUMENTS)
    <BLANKLINE>
    <BLANKLINE>
    def train(dataset, output_dir='out/trl'):  # rows of prompt and completion, messages or text
        from trl import SFTConfig, SFTTrainer
    <BLANKLINE>
        args = SFTConfig(output_dir=output_dir, gradient_checkpointing=False)
        trainer = SFTTrainer('org/model', args=args, train_dataset=dataset, peft_config=config)
        trainer.train()
        trainer.save_model()
    <BLANKLINE>
    """
    settings: dict[str, Any] = {}
    if protocol is not None:
        settings = {
            "max_steps": protocol.steps,
            "per_device_train_batch_size": protocol.batch_size,
            "learning_rate": protocol.learning_rate,
            "lr_scheduler_type": "linear",
            "weight_decay": 0.0,
            "max_grad_norm": protocol.max_gradient_norm,
        }
    settings["gradient_checkpointing"] = checkpointing != "none"
    if checkpointing != "none":
        settings["gradient_checkpointing_kwargs"] = {"use_reentrant": checkpointing == "reentrant"}
    words = [f"{name}={value!r}" for name, value in settings.items()]
    given = (
        f"output_dir=output_dir, {words[0]}"
        if len(words) == 1
        else "".join(f"\n        {word}," for word in ("output_dir=output_dir", *words)) + "\n    "
    )
    return f"""{lora_config_code(arguments)}

def train(dataset, output_dir='out/trl'):  # rows of prompt and completion, messages or text
    from trl import SFTConfig, SFTTrainer

    args = SFTConfig({given})
    trainer = SFTTrainer({source!r}, args=args, train_dataset=dataset, peft_config=config)
    trainer.train()
    trainer.save_model()
"""
