"""Placements as peft's own JSON: its arguments, and the layout of its ``method_comparison``."""

import json
from typing import Any, Final

from peft import LoraConfig

from realmodel.placement.export.exported_placement import ExportedPlacement
from realmodel.placement.export.format import ExportFormat, Files
from realmodel.placement.export.python_code import NEEDS_PEFT


def _json(placement: ExportedPlacement) -> Files:
    text = json.dumps(dict(placement.arguments), indent=2, allow_nan=False)
    return {"lora_config.json": text + "\n"}


def _method_comparison(placement: ExportedPlacement) -> Files:
    config = LoraConfig(**placement.arguments, base_model_name_or_path=None).to_dict()
    plain = {
        key: sorted(value) if isinstance(value, set | frozenset) else getattr(value, "value", value)
        for key, value in config.items()
    }
    training = {"model_id": placement.source, "dtype": placement.dtype}
    return {
        "adapter_config.json": json.dumps(plain, indent=2, sort_keys=True, default=str) + "\n",
        "training_params.json": json.dumps(training, indent=2) + "\n",
    }


def _read_method_comparison(files: Files, depth: int) -> dict[str, Any]:
    config: dict[str, Any] = json.loads(files["adapter_config.json"])
    fields = ("auto_mapping", "peft_type", "peft_version")
    return {key: value for key, value in config.items() if key not in fields}


JSON: Final = ExportFormat(
    "json", NEEDS_PEFT, _json, lambda files, depth: json.loads(files["lora_config.json"])
)
PEFT: Final = ExportFormat("peft", NEEDS_PEFT, _method_comparison, _read_method_comparison)
