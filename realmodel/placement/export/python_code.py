"""Placements as Python: a ``peft.LoraConfig`` that stands alone, and a script for TRL."""

import pprint
from collections.abc import Mapping
from typing import Any, Final

from realmodel.placement.export.exported_placement import ExportedPlacement
from realmodel.placement.export.format import ExportFormat, Files, assigned

CALLBACK: Final = '''

def stop_below_adapters():
    """Let backward stop at the lowest adapted layer.

    With gradient checkpointing transformers' Trainer and TRL's run backward to the embeddings, and
    adapters of the last layers cost nearly as much as those of the first.
    """
    from transformers import TrainerCallback

    class StopBelowAdapters(TrainerCallback):
        def on_train_begin(self, args, state, control, **kwargs):
            embeddings = kwargs["model"].get_input_embeddings()
            self.hook = embeddings.register_forward_hook(lambda *call: call[-1].detach())

        def on_train_end(self, args, state, control, **kwargs):
            self.hook.remove()

    return StopBelowAdapters()
'''
"""What a placement of high layers needs so as to stay cheap; the file stands alone."""

RECIPE: Final = """
# args = TrainingArguments(..., gradient_checkpointing=True,
#                          gradient_checkpointing_kwargs={"use_reentrant": False})
# Trainer(..., args=args, callbacks=[stop_below_adapters()])
"""

TRL_MAIN: Final = """

def main(data, output="adapter"):
    import torch
    from datasets import load_dataset
    from trl import SFTConfig, SFTTrainer

    bf16 = torch.cuda.is_available() and torch.cuda.is_bf16_supported()
    trainer = SFTTrainer(
        MODEL,
        args=SFTConfig(output, bf16=bf16, **RUN),
        train_dataset=load_dataset("json", data_files=data, split="train"),
        peft_config=config,
        callbacks=[stop_below_adapters()],
    )
    trainer.train()
    trainer.save_model()


if __name__ == "__main__":
    import sys

    main(*sys.argv[1:])
"""

NEEDS_PEFT: Final = "peft >= 0.6.0 for rank_pattern and alpha_pattern"


def lora_config_code(arguments: Mapping[str, Any]) -> str:
    """Python that makes the ``peft.LoraConfig``, ready to paste.

    Names come from a stranger's files: nothing but ``repr`` puts them into code.

    Examples
    --------
    >>> print(lora_config_code({"r": 8, "target_modules": ["h.1.fc"]}))
    from peft import LoraConfig
    <BLANKLINE>
    ARGUMENTS = {'r': 8, 'target_modules': ['h.1.fc']}
    <BLANKLINE>
    config = LoraConfig(**ARGUMENTS)
    <BLANKLINE>
    """
    imported, made = "from peft import LoraConfig", "config = LoraConfig(**ARGUMENTS)"
    return f"{imported}\n\n{literal('ARGUMENTS', arguments)}\n{made}\n"


def literal(name: str, value: Mapping[str, Any]) -> str:
    """An assignment of a literal, a line to an entry where it is long."""
    return f"{name} = {pprint.pformat(dict(value), width=96, sort_dicts=False)}\n"


def _python(placement: ExportedPlacement) -> Files:
    head = f'"""LoRA placement chosen by layercard; needs {NEEDS_PEFT}."""\n\n'
    code = lora_config_code(placement.arguments)
    model = f"MODEL = {placement.source!r}\n"
    return {"lora_config.py": head + code + model + CALLBACK + RECIPE}


def _trl(placement: ExportedPlacement) -> Files:
    head = (
        '"""Fine-tune with TRL as layercard planned: python trl_sft.py DATA.jsonl [FOLDER].\n\n'
        f'Needs {TRL.needs}.\n"""\n\n'
    )
    run = placement.run
    settings: dict[str, Any] = {
        theirs: run[ours]
        for ours, theirs in {
            "learning_rate": "learning_rate",
            "steps": "max_steps",
            "batch_size": "per_device_train_batch_size",
            "max_gradient_norm": "max_grad_norm",
            "schedule": "lr_scheduler_type",
            "weight_decay": "weight_decay",
        }.items()
        if ours in run
    }
    settings |= placement.packed("packing", "max_length", "per_device_train_batch_size")
    settings |= {
        "gradient_checkpointing": True,
        "gradient_checkpointing_kwargs": {"use_reentrant": False},
        "report_to": "none",
    }
    code = lora_config_code(placement.arguments)
    model = f"MODEL = {placement.source!r}\n"
    return {"trl_sft.py": head + code + model + literal("RUN", settings) + CALLBACK + TRL_MAIN}


PYTHON: Final = ExportFormat(
    "python",
    NEEDS_PEFT,
    _python,
    lambda files, depth: assigned(files["lora_config.py"], "ARGUMENTS"),
)
TRL: Final = ExportFormat(
    "trl",
    f"trl (read with 1.16.0) and {NEEDS_PEFT}",
    _trl,
    lambda files, depth: assigned(files["trl_sft.py"], "ARGUMENTS"),
)
