"""Load a causal language model from the hub or from a folder, safely and with its digest."""

import hashlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import (
    MODEL_FOR_CAUSAL_LM_MAPPING,
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
)
from transformers.utils import logging

from theory import InputError

DTYPES = {
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
    "float32": torch.float32,
    "float64": torch.float64,
}


@dataclass(frozen=True)
class Checkpoint:
    """A loaded model with what identifies it.

    Attributes
    ----------
    model, tokenizer
        From transformers; the model is in evaluation mode (no dropout).
    source
        Hub id or folder, as given.
    digest
        ``sha256:...`` over configuration and weight files of a folder; the commit of a hub id.
    architecture
        ``model_type`` of the configuration, such as ``gpt2``.
    dtype
        Arithmetic of the loaded weights, such as ``bfloat16``.
    """

    model: Any
    tokenizer: Any
    source: str
    digest: str
    architecture: str
    dtype: str


def load_checkpoint(
    source: str | Path,
    *,
    dtype: str | None = None,
    device: str = "cpu",
    attention: str = "eager",
    trust_remote_code: bool = False,
) -> Checkpoint:
    """Load a checkpoint; safetensors only, code from the checkpoint only on request.

    Parameters
    ----------
    source
        Hub id (``openai-community/gpt2-medium``) or local folder.
    dtype
        One of float16, bfloat16, float32, float64. By default the checkpoint's own, except
        that 16-bit weights become float32 on a CPU, where 16-bit arithmetic is slow.
    device
        A torch device, or ``auto``: accelerate spreads the model over all devices at hand.
    attention
        ``eager`` is needed for forward-mode differentiation (the Gauss-Newton stage).
    trust_remote_code
        Run model code that comes with the checkpoint.

    Raises
    ------
    InputError
        If the checkpoint is missing, corrupt, incomplete, pickled, or of a kind that is not a
        causal language model.
    """
    source = str(source)
    if dtype is not None and dtype not in DTYPES:
        raise InputError(f"dtype {dtype!r}: choose one of {', '.join(DTYPES)}")
    config = load_config(source, trust_remote_code=trust_remote_code)
    if not sys.stderr.isatty():
        logging.disable_progress_bar()
    # What transformers would warn about is refused below, in one line.
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=trust_remote_code)
        loader: Any = AutoModelForCausalLM
        model, report = loader.from_pretrained(
            source,
            config=config,
            dtype=_chosen_dtype(config, dtype, device),
            device_map="auto" if device == "auto" else None,
            attn_implementation=attention,
            use_safetensors=True,
            trust_remote_code=trust_remote_code,
            output_loading_info=True,
        )
    except InputError:
        raise
    except Exception as error:  # safetensors, tokenizers and hub errors share no base class
        raise InputError(f"checkpoint {source!r} cannot be loaded: {_one_line(error)}") from error
    finally:
        logging.set_verbosity(verbosity)
    missing = sorted(report["missing_keys"]) + sorted(str(key) for key in report["mismatched_keys"])
    if missing:
        raise InputError(
            f"checkpoint {source!r} lacks {len(missing)} weights that {config.model_type} needs, "
            f"such as {missing[0]}: it is incomplete or of another model"
        )
    if device != "auto":
        model = model.to(_device(device))
    model.eval()
    return Checkpoint(
        model=model,
        tokenizer=tokenizer,
        source=source,
        digest=_digest(source, model),
        architecture=str(config.model_type),
        dtype=str(next(model.parameters()).dtype).removeprefix("torch."),
    )


def load_config(source: str, *, trust_remote_code: bool = False) -> Any:
    """Read the configuration alone and check that a causal model can be built from it.

    Raises
    ------
    InputError
        As :func:`load_checkpoint`, without reading any weight.
    """
    folder = Path(source)
    if folder.is_dir():
        _check_folder(folder)
    elif folder.exists() or source.startswith((".", "/", "~")):
        raise InputError(f"checkpoint {source!r} is not a folder; give a folder or a hub id")
    try:
        config = AutoConfig.from_pretrained(source, trust_remote_code=trust_remote_code)
    except Exception as error:
        raise InputError(f"checkpoint {source!r} cannot be read: {_one_line(error)}") from error
    known = type(config) in MODEL_FOR_CAUSAL_LM_MAPPING
    if not known and not (trust_remote_code and hasattr(config, "auto_map")):
        raise InputError(
            f"checkpoint {source!r}: {config.model_type!r} is not a causal language model "
            "that transformers knows"
        )
    return config


def empty_model(source: str, *, trust_remote_code: bool = False) -> Any:
    """The architecture of a checkpoint without its weights (meta device), for estimates."""
    config = load_config(str(source), trust_remote_code=trust_remote_code)
    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(config, trust_remote_code=trust_remote_code)


def _check_folder(folder: Path) -> None:
    if not (folder / "config.json").is_file():
        raise InputError(f"checkpoint {str(folder)!r} has no config.json")
    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        pickled = [path.name for path in folder.iterdir() if path.suffix in {".bin", ".pt", ".pth"}]
        if pickled:
            raise InputError(
                f"checkpoint {str(folder)!r} holds only pickled weights ({pickled[0]}), which can "
                "run code when read: convert it to safetensors"
            )
        raise InputError(f"checkpoint {str(folder)!r} has no .safetensors file")


def _chosen_dtype(config: Any, dtype: str | None, device: str) -> torch.dtype | str:
    if dtype is not None:
        return DTYPES[dtype]
    stored = getattr(config, "dtype", None)
    half = stored in (torch.float16, torch.bfloat16, "float16", "bfloat16")
    on_cpu = device == "cpu" or (device == "auto" and not torch.cuda.is_available())
    return torch.float32 if half and on_cpu else "auto"


def _device(device: str) -> torch.device:
    try:
        chosen = torch.device(device)
        torch.empty(0, device=chosen)
    except (RuntimeError, AssertionError) as error:
        raise InputError(f"device {device!r} cannot be used: {_one_line(error)}") from error
    return chosen


def _digest(source: str, model: Any) -> str:
    folder = Path(source)
    if not folder.is_dir():
        commit = getattr(model.config, "_commit_hash", None)
        return f"commit:{commit}" if commit else model_digest(model)
    return folder_digest(folder)


def folder_digest(folder: Path) -> str:
    """Digest of a local checkpoint's configuration and weight files."""
    digest = hashlib.sha256()
    for path in [folder / "config.json", *sorted(folder.glob("*.safetensors"))]:
        digest.update(path.name.encode())
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return f"sha256:{digest.hexdigest()}"


def model_digest(model: Any) -> str:
    """Digest of a model in memory: configuration, parameter names and bytes."""
    digest = hashlib.sha256()
    config = getattr(model, "config", None)
    if config is not None:
        digest.update(json.dumps(config.to_dict(), sort_keys=True, default=str).encode())
    for name, tensor in model.state_dict().items():
        digest.update(f"{name}{tuple(tensor.shape)}{tensor.dtype}".encode())
        digest.update(tensor.detach().cpu().contiguous().view(torch.uint8).numpy().data)
    return f"sha256:{digest.hexdigest()}"


def model_of(checkpoint_or_model: Checkpoint | Any) -> Any:
    """The model, from a checkpoint or from itself."""
    if isinstance(checkpoint_or_model, Checkpoint):
        return checkpoint_or_model.model
    return checkpoint_or_model


def identified(checkpoint_or_model: Checkpoint | Any) -> tuple[Any, str]:
    """The model and its digest, from a checkpoint or from a bare model."""
    if isinstance(checkpoint_or_model, Checkpoint):
        return checkpoint_or_model.model, checkpoint_or_model.digest
    return checkpoint_or_model, model_digest(checkpoint_or_model)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
