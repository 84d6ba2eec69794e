"""Placements as part of a LLaMA-Factory configuration."""

from typing import Any, Final

import yaml

from realmodel.placement.export.exported_placement import ExportedPlacement
from realmodel.placement.export.format import ExportFormat, Files, completed
from realmodel.placement.export.yaml_text import yaml_text
from theory import InputError

KEYS: Final = {"r": "lora_rank", "lora_alpha": "lora_alpha", "lora_dropout": "lora_dropout"}
"""Of ``llamafactory/hparams/finetuning_args.py``; 0.9.5 has no ranks by module."""

COMMENTS: Final = (
    "Add dataset, template and output_dir: llamafactory-cli train llamafactory.yaml",
    "LLaMA-Factory has one rank for every module (0.9.5, the version read, takes no rank pattern).",
    "disable_gradient_checkpointing: true lets backward stop at the lowest adapted layer.",
)


def _render(placement: ExportedPlacement) -> Files:
    placement.refuse_ranks("LLaMA-Factory")
    placement.whole_alpha("LLaMA-Factory")
    names = placement.arguments["target_modules"]
    odd = next((name for name in names if "," in name or name != name.strip()), None)
    if odd is not None:
        raise InputError(f"LLaMA-Factory separates modules by commas: it cannot name {odd!r}")
    if names == ["all"]:
        raise InputError("LLaMA-Factory takes the name 'all' for every linear map")
    fragment = {
        "model_name_or_path": placement.source,
        "stage": "sft",
        "do_train": True,
        "finetuning_type": "lora",
    }
    fragment |= {theirs: placement.arguments[ours] for ours, theirs in KEYS.items()}
    fragment["lora_target"] = ",".join(names)
    fragment |= placement.packed("packing", "cutoff_len", "per_device_train_batch_size")
    return {"llamafactory.yaml": yaml_text(COMMENTS, fragment)}


def _read(files: Files, depth: int) -> dict[str, Any]:
    fragment = yaml.safe_load(files["llamafactory.yaml"])
    own = {ours: fragment[theirs] for ours, theirs in KEYS.items()}
    names = [name.strip() for name in fragment["lora_target"].split(",")]
    return completed(own | {"target_modules": names})


LLAMAFACTORY: Final = ExportFormat(
    "llamafactory", "LLaMA-Factory (read with 0.9.5); one rank only", _render, _read
)
