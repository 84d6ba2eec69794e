"""A trained adapter in peft's own layout, as ``PeftModel.from_pretrained`` and servers load it."""

import shutil
from pathlib import Path

from peft import PeftModel
from safetensors import SafetensorError

from theory import InputError
from theory.whole_file import beside


def save_adapter(peft_model: PeftModel, folder: Path) -> Path:
    """Write ``adapter_config.json`` and ``adapter_model.safetensors`` (and peft's model card).

    The folder appears whole: it is written beside its place and renamed.

    Raises
    ------
    InputError
        If it cannot be written.
    """
    try:
        written = beside(folder)
        try:
            # "auto" would ask the hub whether the vocabulary was resized.
            peft_model.save_pretrained(str(written), save_embedding_layers=False)
            if folder.exists():
                shutil.rmtree(folder)
            written.rename(folder)
        finally:
            shutil.rmtree(written, ignore_errors=True)
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"cannot write the adapter {str(folder)!r}: {reason}") from error
    return folder
