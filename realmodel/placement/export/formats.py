"""The formats a placement is exported in."""

from collections.abc import Mapping
from typing import Final

from realmodel.placement.export.axolotl import AXOLOTL
from realmodel.placement.export.exported_placement import ExportedPlacement
from realmodel.placement.export.format import ExportFormat
from realmodel.placement.export.llamafactory import LLAMAFACTORY
from realmodel.placement.export.mlx_lm import MLX_LM
from realmodel.placement.export.peft_json import JSON, PEFT
from realmodel.placement.export.python_code import PYTHON, TRL
from realmodel.placement.export.unsloth import UNSLOTH
from realmodel.placement.export.vllm import VLLM
from theory import InputError

FORMATS: Final[Mapping[str, ExportFormat]] = {
    form.name: form
    for form in (JSON, PYTHON, TRL, PEFT, AXOLOTL, LLAMAFACTORY, UNSLOTH, MLX_LM, VLLM)
}


def formats_for(placement: ExportedPlacement) -> tuple[str, ...]:
    """The formats that can express a placement, by name."""
    return tuple(name for name in FORMATS if refusal(name, placement) is None)


def refusal(name: str, placement: ExportedPlacement) -> str | None:
    """Why a format cannot express a placement; ``None`` where it can."""
    try:
        FORMATS[name].render(placement)
    except InputError as error:
        return str(error)
    return None
