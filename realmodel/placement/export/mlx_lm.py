"""Placements as an mlx-lm configuration, which can adapt the last blocks alone."""

from typing import Any, Final

import yaml

from realmodel.placement.export.exported_placement import ExportedPlacement
from realmodel.placement.export.format import ExportFormat, Files, completed
from realmodel.placement.export.yaml_text import yaml_text
from theory import InputError

COMMENTS: Final = (
    "mlx_lm.lora --config mlx_lm.yaml --train --data FOLDER (train.jsonl, valid.jsonl)",
    "scale is lora_alpha / r. mlx-lm has one rank for every module, and adapts the last blocks.",
)


def _render(placement: ExportedPlacement) -> Files:
    placement.refuse_ranks("mlx-lm")
    layers = placement.layers
    last = tuple(range(placement.depth - len(layers), placement.depth))
    if layers != last or not placement.is_product:
        raise InputError(
            f"mlx-lm adapts the same modules of the last blocks: it can take layers "
            f"{', '.join(map(str, last))}, not {', '.join(map(str, layers))}"
            if layers != last
            else "mlx-lm adapts the same modules in every block that it adapts"
        )
    given, run = placement.arguments, placement.run
    config: dict[str, Any] = {
        "model": placement.source,
        "fine_tune_type": "lora",
        "num_layers": len(layers),
        "lora_parameters": {
            "keys": list(placement.kinds),
            "rank": given["r"],
            "scale": given["lora_alpha"] / given["r"],
            "dropout": given["lora_dropout"],
        },
    }
    names = {"learning_rate": "learning_rate", "steps": "iters", "batch_size": "batch_size"}
    config |= {theirs: run[ours] for ours, theirs in names.items() if ours in run}
    return {"mlx_lm.yaml": yaml_text(COMMENTS, config)}


def _read(files: Files, depth: int) -> dict[str, Any]:
    config = yaml.safe_load(files["mlx_lm.yaml"])
    lora = config["lora_parameters"]
    return completed(
        {
            "r": lora["rank"],
            "lora_alpha": lora["scale"] * lora["rank"],
            "lora_dropout": lora["dropout"],
            "target_modules": lora["keys"],
            "layers_to_transform": list(range(depth - config["num_layers"], depth)),
        }
    )


MLX_LM: Final = ExportFormat("mlx-lm", "mlx-lm (read with 0.32.2); one rank only", _render, _read)
