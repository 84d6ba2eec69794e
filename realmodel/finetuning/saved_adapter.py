"""A trained adapter in peft's own layout, as ``PeftModel.from_pretrained`` and servers load it."""

import shutil
import tempfile
from pathlib import Path

from peft import PeftModel

from theory import InputError


def save_adapter(peft_model: PeftModel, folder: Path) -> Path:
    """Write ``adapter_config.json`` and ``adapter_model.safetensors`` (and peft's model card).

    The folder appears whole: it is written beside its place and renamed.

    Raises
    ------
    InputError
        If it cannot be written.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as home:
            written = Path(home) / folder.name
            # "auto" would ask the hub whether the vocabulary was resized.
            peft_model.save_pretrained(str(written), save_embedding_layers=False)
            if folder.exists():
                shutil.rmtree(folder)
            written.rename(folder)
    except OSError as error:
        raise InputError(f"cannot write the adapter {str(folder)!r}: {error.strerror}") from error
    return folder
