"""The formats a placement is exported in; each can be read back, to be checked before writing."""

import ast
import json
import pprint
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from peft import LoraConfig

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


def _json(arguments: Arguments, model: Arguments) -> Files:
    return {"lora_config.json": json.dumps(dict(arguments), indent=2, allow_nan=False) + "\n"}


def _python(arguments: Arguments, model: Arguments) -> Files:
    literal = pprint.pformat(dict(arguments), width=96, sort_dicts=False)
    text = (
        f'"""LoRA placement chosen by layercard for {model["source"]}."""\n\n'
        "from peft import LoraConfig\n\n"
        f"ARGUMENTS = {literal}\n\n"
        "config = LoraConfig(**ARGUMENTS)\n"
    )
    return {"lora_config.py": text}


def _read_python(files: Files) -> dict[str, Any]:
    tree = ast.parse(files["lora_config.py"])
    assignment = next(node for node in tree.body if isinstance(node, ast.Assign))
    arguments: dict[str, Any] = ast.literal_eval(assignment.value)
    return arguments


AXOLOTL = {
    "r": "lora_r",
    "lora_alpha": "lora_alpha",
    "lora_dropout": "lora_dropout",
    "fan_in_fan_out": "lora_fan_in_fan_out",
    "target_modules": "lora_target_modules",
    "rank_pattern": "lora_rank_pattern",
    "alpha_pattern": "lora_alpha_pattern",
}


def _axolotl(arguments: Arguments, model: Arguments) -> Files:
    fragment = {"base_model": model["source"], "adapter": "lora"} | {
        theirs: arguments[ours]
        for ours, theirs in AXOLOTL.items()
        if arguments[ours] or not ours.endswith("_pattern")
    }
    head = "# Merge into an axolotl configuration; the data and the optimiser are yours.\n"
    return {"axolotl.yaml": head + yaml.safe_dump(fragment, sort_keys=False)}


def _read_axolotl(files: Files) -> dict[str, Any]:
    fragment = yaml.safe_load(files["axolotl.yaml"])
    own = {ours: fragment.get(theirs, {}) for ours, theirs in AXOLOTL.items()}
    return own | {"bias": "none", "task_type": "CAUSAL_LM"}


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
