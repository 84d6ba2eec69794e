"""A placement as a configuration that works: peft, trainers, servers, Python, JSON."""

from realmodel.model.lora_config import lora_config_arguments, ranks_of
from realmodel.placement.export.exported_placement import ExportedPlacement
from realmodel.placement.export.format import ExportFormat
from realmodel.placement.export.formats import FORMATS, formats_for, refusal
from realmodel.placement.export.python_code import lora_config_code
from realmodel.placement.export.trainable import check_trainable, trainable_modules
from realmodel.placement.export.write import write_exports

__all__ = [
    "FORMATS",
    "ExportFormat",
    "ExportedPlacement",
    "check_trainable",
    "formats_for",
    "lora_config_arguments",
    "lora_config_code",
    "ranks_of",
    "refusal",
    "trainable_modules",
    "write_exports",
]
