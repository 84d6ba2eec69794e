"""A placement as a configuration that works: peft, axolotl, Python, JSON."""

from realmodel.model.lora_config import lora_config_arguments, ranks_of
from realmodel.placement.export.formats import FORMATS, ExportFormat, formats_for, lora_config_code
from realmodel.placement.export.trainable import check_trainable, trainable_modules
from realmodel.placement.export.trl import trl_code
from realmodel.placement.export.write import write_exports

__all__ = [
    "FORMATS",
    "ExportFormat",
    "check_trainable",
    "formats_for",
    "lora_config_arguments",
    "lora_config_code",
    "ranks_of",
    "trainable_modules",
    "trl_code",
    "write_exports",
]
