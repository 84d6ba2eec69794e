"""The configuration that serves a trained adapter with vLLM."""

from typing import Final

from realmodel.costs.serving import packed_name, vllm_rank
from realmodel.placement.export.exported_placement import ExportedPlacement
from realmodel.placement.export.format import ExportFormat, Files
from realmodel.placement.export.yaml_text import yaml_text

COMMENTS: Final = (
    "vllm serve --config vllm.yaml --lora-modules layercard=FOLDER_OF_THE_TRAINED_ADAPTER",
    "lora-target-modules keeps vLLM from wrapping the layers that the adapter does not touch: full",
    "names are matched (read in vllm 0.33.0, vllm/lora/utils.py);",
    "remove it to serve other adapters too.",
)


def served_modules(placement: ExportedPlacement) -> list[str]:
    """Names of the adapted modules, and of what vLLM merges them into."""
    names = ((name, packed_name(name)) for name in placement.modules)
    return list(dict.fromkeys(name for pair in names for name in pair))


def _render(placement: ExportedPlacement) -> Files:
    values = {
        "model": placement.source,
        "enable-lora": True,
        "max-lora-rank": vllm_rank(max(placement.ranks.values())),
        "lora-target-modules": served_modules(placement),
    }
    return {"vllm.yaml": yaml_text(COMMENTS, values)}


VLLM: Final = ExportFormat("vllm", "vllm 0.33.0 reads rank_pattern", _render, None)
