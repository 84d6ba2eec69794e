"""Placements as part of an axolotl configuration."""

from typing import Any, Final

import yaml

from realmodel.placement.export.exported_placement import ExportedPlacement
from realmodel.placement.export.format import ExportFormat, Files, completed
from realmodel.placement.export.yaml_text import yaml_text

KEYS: Final = {
    "r": "lora_r",
    "lora_alpha": "lora_alpha",
    "lora_dropout": "lora_dropout",
    "fan_in_fan_out": "lora_fan_in_fan_out",
    "target_modules": "lora_target_modules",
    "rank_pattern": "lora_rank_pattern",
    "alpha_pattern": "lora_alpha_pattern",
}
"""Of ``axolotl/utils/schemas/peft.py``; it drops keys that it does not know."""

COMMENTS: Final = (
    "Merge into an axolotl configuration; the data and the optimiser are yours.",
    "Ranks by module (lora_rank_pattern) need axolotl >= 0.18.0: older versions drop them.",
    "With an adapter axolotl runs backward to the embeddings, whichever layers are adapted.",
)


def _render(placement: ExportedPlacement) -> Files:
    placement.whole_alpha("axolotl")
    fragment = {"base_model": placement.source, "adapter": "lora"} | {
        theirs: placement.arguments[ours]
        for ours, theirs in KEYS.items()
        if placement.arguments[ours] != {}
    }
    fragment |= placement.packed("sample_packing", "sequence_len", "micro_batch_size")
    return {"axolotl.yaml": yaml_text(COMMENTS, fragment)}


def _read(files: Files, depth: int) -> dict[str, Any]:
    fragment = yaml.safe_load(files["axolotl.yaml"])
    return completed(
        {ours: fragment[theirs] for ours, theirs in KEYS.items() if theirs in fragment}
    )


AXOLOTL: Final = ExportFormat("axolotl", "axolotl >= 0.18.0 for ranks by module", _render, _read)
