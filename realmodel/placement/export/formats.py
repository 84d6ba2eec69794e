"""The formats a placement is exported in; each can be read back, to be checked before writing."""

import ast
import json
import pprint
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from peft import LoraConfig

from theory import InputError

Arguments = Mapping[str, Any]
Files = dict[str, str]


@dataclass(frozen=True)
class ExportFormat:
    """One way to write a placement.

    Parameters
    ----------
    name : str
        As the command line names it.
    render : callable
        From ``LoraConfig`` arguments and a description of the model to file names and texts.
    read : callable
        From those files back to the arguments, the way the consumer reads them.
    """

    name: str
    render: Callable[[Arguments, Arguments], Files]
    read: Callable[[Files], dict[str, Any]]


RECIPE = """
# With gradient checkpointing: without this callback transformers' Trainer and TRL's run backward to
# the embeddings, and adapters of the last layers cost nearly as much as those of the first.
#     args = TrainingArguments(..., gradient_checkpointing=True,
#                              gradient_checkpointing_kwargs={"use_reentrant": False})
#     Trainer(..., args=args, callbacks=[stop_below_adapters()])


def stop_below_adapters():
    from transformers import TrainerCallback

    class StopBelowAdapters(TrainerCallback):
        def on_train_begin(self, args, state, control, **kwargs):
            embeddings = kwargs["model"].get_input_embeddings()
            self.hook = embeddings.register_forward_hook(lambda *call: call[-1].detach())

        def on_train_end(self, args, state, control, **kwargs):
            self.hook.remove()

    return StopBelowAdapters()
"""
"""What a placement of high layers needs so as to stay cheap; the file stands alone."""


def _json(arguments: Arguments, model: Arguments) -> Files:
    return {"lora_config.json": json.dumps(dict(arguments), indent=2, allow_nan=False) + "\n"}


def _python(arguments: Arguments, model: Arguments) -> Files:
    head = '"""LoRA placement chosen by layercard."""\n\n'
    model_line = f"MODEL = {str(model['source'])!r}\n"
    return {"lora_config.py": head + lora_config_code(arguments) + model_line + RECIPE}


def lora_config_code(arguments: Arguments) -> str:
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
    literal = pprint.pformat(dict(arguments), width=96, sort_dicts=False)
    imported, made = "from peft import LoraConfig", "config = LoraConfig(**ARGUMENTS)"
    return f"{imported}\n\nARGUMENTS = {literal}\n\n{made}\n"


def _read_python(files: Files) -> dict[str, Any]:
    tree = ast.parse(files["lora_config.py"])
    arguments: dict[str, Any] = next(
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "ARGUMENTS"
    )
    return arguments


AXOLOTL = {
    "r": "lora_r",
    "lora_alpha": "lora_alpha",
    "lora_dropout": "lora_dropout",
    "fan_in_fan_out": "lora_fan_in_fan_out",
    "target_modules": "lora_target_modules",
}


def _axolotl(arguments: Arguments, model: Arguments) -> Files:
    if arguments["rank_pattern"]:
        raise InputError("axolotl has one rank for every module: it cannot take a rank allocation")
    if not isinstance(arguments["lora_alpha"], int):
        raise InputError(
            f"axolotl takes a whole lora_alpha, not {arguments['lora_alpha']}: choose another "
            "alpha, or another export"
        )
    fragment = {"base_model": model["source"], "adapter": "lora"} | {
        theirs: arguments[ours] for ours, theirs in AXOLOTL.items()
    }
    head = "# Merge into an axolotl configuration; the data and the optimiser are yours.\n"
    return {"axolotl.yaml": head + yaml.safe_dump(fragment, sort_keys=False)}


def _read_axolotl(files: Files) -> dict[str, Any]:
    fragment = yaml.safe_load(files["axolotl.yaml"])
    own = {ours: fragment[theirs] for ours, theirs in AXOLOTL.items()}
    return own | {"rank_pattern": {}, "alpha_pattern": {}, "bias": "none", "task_type": "CAUSAL_LM"}


def _method_comparison(arguments: Arguments, model: Arguments) -> Files:
    config = LoraConfig(**arguments, base_model_name_or_path=None).to_dict()
    plain = {
        key: sorted(value) if isinstance(value, set | frozenset) else getattr(value, "value", value)
        for key, value in config.items()
    }
    training = {"model_id": model["source"], "dtype": model["dtype"]}
    return {
        "adapter_config.json": json.dumps(plain, indent=2, sort_keys=True, default=str) + "\n",
        "training_params.json": json.dumps(training, indent=2) + "\n",
    }


def _read_method_comparison(files: Files) -> dict[str, Any]:
    config: dict[str, Any] = json.loads(files["adapter_config.json"])
    fields = ("auto_mapping", "peft_type", "peft_version")
    return {key: value for key, value in config.items() if key not in fields}


FORMATS: Mapping[str, ExportFormat] = {
    item.name: item
    for item in (
        ExportFormat("json", _json, lambda files: json.loads(files["lora_config.json"])),
        ExportFormat("python", _python, _read_python),
        ExportFormat("axolotl", _axolotl, _read_axolotl),
        ExportFormat("peft", _method_comparison, _read_method_comparison),
    )
}


def formats_for(arguments: Arguments) -> tuple[str, ...]:
    """The formats that can express a placement, by name; the others say why when asked."""
    found: list[str] = []
    for name, form in FORMATS.items():
        try:
            form.render(arguments, {"source": "", "dtype": ""})
        except InputError:
            continue
        found.append(name)
    return tuple(found)
