"""Load a causal language model from a hub, folder or GGUF file, safely and with its digest."""

import sys
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import (
    MODEL_FOR_CAUSAL_LM_MAPPING,
    MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING,
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    AutoTokenizer,
    PreTrainedConfig,
)
from transformers.utils import logging

from realmodel.model.checkpoint_checks import (
    check_complete,
    check_files,
    check_folder,
    check_gguf,
    check_kind,
    check_sizes,
    check_stored_numbers,
)
from realmodel.model.device import check_device
from realmodel.model.digest import model_digest, source_digest
from realmodel.model.quiet import quiet
from realmodel.runs.one_line import one_line
from realmodel.runs.panics import panics_as_errors
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
    dequantised
        What the weights were stored as, where they were dequantised: ``GGUF (7 Q4_0, 3 F32)``.
    """

    model: Any
    tokenizer: Any
    source: str
    digest: str
    architecture: str
    dtype: str
    dequantised: str = ""


def load_checkpoint(
    source: str | Path,
    *,
    dtype: str | None = None,
    device: str = "cpu",
    attention: str = "eager",
    trust_remote_code: bool = False,
) -> Checkpoint:
    """Load a checkpoint; safetensors or GGUF only, code from the checkpoint only on request.

    Parameters
    ----------
    source
        Hub id (``openai-community/gpt2-medium``), local folder, or a ``.gguf`` file (in a folder or
        behind a hub id), which is dequantised.
    dtype
        One of float16, bfloat16, float32, float64. By default the checkpoint's own, except
        that 16-bit weights become float32 on a CPU, where 16-bit arithmetic is slow.
    device
        A torch device, or ``auto``: accelerate spreads the model over all devices at hand.
    attention
        ``eager`` is needed for forward-mode differentiation (the Gauss-Newton stage); ``sdpa``
        becomes ``eager`` where the architecture has nothing faster.
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
    if device != "auto":
        check_device(device)
    config = load_config(source, trust_remote_code=trust_remote_code)
    tokenizer = load_tokenizer(source, trust_remote_code=trust_remote_code)
    if not sys.stderr.isatty():
        logging.disable_progress_bar()
    place, more = _located(source)
    with _read_in_silence(source, "loaded"):
        check_files(source)
        check_stored_numbers(source)
        model, report = _model_class(config).from_pretrained(
            place,
            config=config,
            dtype=_chosen_dtype(config, dtype, device),
            device_map="auto" if device == "auto" else None,
            # Without a wish transformers takes sdpa where the architecture has it.
            attn_implementation=None if attention == "sdpa" else attention,
            # The grouped kernel knows neither float64 nor forward mode.
            experts_implementation="eager",
            trust_remote_code=trust_remote_code,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
            **(more or {"use_safetensors": True}),
        )
    check_complete(source, str(config.model_type), report, model.state_dict())
    if device != "auto":
        model = model.to(device)
    model.eval()
    dequantised = ""
    if "gguf_file" in more:
        dequantised = _stored_types(Path(source))
        # The weights are plain now, which peft and ``save_pretrained`` must be told.
        model.hf_quantizer = None
        model.is_quantized = False
        if hasattr(model.config, "quantization_config"):
            del model.config.quantization_config
    return Checkpoint(
        model=model,
        tokenizer=tokenizer,
        source=source,
        digest=_digest(source, model),
        architecture=str(config.model_type),
        dtype=str(next(model.parameters()).dtype).removeprefix("torch."),
        dequantised=dequantised,
    )


def load_config(source: str, *, trust_remote_code: bool = False) -> Any:
    """Read the configuration alone and check that a causal model can be built from it.

    Raises
    ------
    InputError
        As :func:`load_checkpoint`, without reading any weight.
    """
    folder = Path(source)
    place, more = _located(source)
    if folder.is_dir():
        check_folder(folder)
    elif more:
        check_gguf(folder)
    elif folder.exists() or source.startswith((".", "/", "~")):
        raise InputError(
            f"checkpoint {source!r} is not a folder; give a folder, a .gguf file or a hub id"
        )
    try:
        # A field may hold anything: what these trip over is damage.
        if not more:
            check_sizes(source, PreTrainedConfig.get_config_dict(place)[0])
        config = AutoConfig.from_pretrained(place, trust_remote_code=trust_remote_code, **more)
        check_kind(source, config)
    except InputError:
        raise
    except Exception as error:
        if "trust_remote_code" in str(error) and not trust_remote_code:
            raise InputError(
                f"checkpoint {source!r} brings model code of its own: read it, then allow it to "
                "run (trust_remote_code)"
            ) from error
        raise _unusable(source, "read", error) from error
    if more and hasattr(config, "quantization_config"):
        delattr(config, "quantization_config")
    return config


def load_tokenizer(source: str, *, trust_remote_code: bool = False) -> Any:
    """The checkpoint's tokenizer.

    Raises
    ------
    InputError
        If there is none.
    """
    place, more = _located(source)
    try:
        with panics_as_errors():
            return AutoTokenizer.from_pretrained(place, trust_remote_code=trust_remote_code, **more)
    except Exception as error:
        raise InputError(
            f"checkpoint {source!r} has no tokenizer that can be loaded: save the model's "
            f"tokenizer (tokenizer.json, tokenizer_config.json) with it ({one_line(error, 120)})"
        ) from error


def empty_model(source: str, *, trust_remote_code: bool = False) -> Any:
    """The architecture of a checkpoint without its weights (meta device), for estimates."""
    config = load_config(str(source), trust_remote_code=trust_remote_code)
    with _read_in_silence(source, "built"), torch.device("meta"):
        return _model_class(config).from_config(
            config,
            attn_implementation="eager",
            experts_implementation="eager",
            trust_remote_code=trust_remote_code,
        )


@contextmanager
def _read_in_silence(source: str, done: str) -> Generator[None]:
    """What transformers would warn about is refused, in one line; so is whatever it raises."""
    try:
        with quiet():
            yield
    except InputError:
        raise
    except Exception as error:  # safetensors, tokenizers and hub errors share no base class
        raise _unusable(source, done, error) from error


def _unusable(source: str, done: str, error: Exception) -> InputError:
    told = one_line(error, 300)
    if isinstance(error, KeyError):  # its text is the key alone
        told = f"nothing is known by the name {told}"
    return InputError(f"checkpoint {source!r} cannot be {done}: {told}")


def _located(source: str) -> tuple[str, dict[str, Any]]:
    """Folder or hub id, and the arguments that name a GGUF file in it."""
    path = Path(source)
    if path.suffix.lower() == ".gguf" and not path.is_dir():
        return str(path.parent), {"gguf_file": path.name}
    return source, {}


def _model_class(config: Any) -> Any:
    """The class that the checkpoint was saved from, where there is a choice."""
    named: set[str] = set(getattr(config, "architectures", None) or ())
    pictured: str = _named_in(MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING, config)
    if pictured in named or (pictured and type(config) not in MODEL_FOR_CAUSAL_LM_MAPPING):
        return AutoModelForImageTextToText
    return AutoModelForCausalLM


def _named_in(mapping: Any, config: Any) -> str:
    return str(mapping[type(config)].__name__) if type(config) in mapping else ""


def _stored_types(path: Path) -> str:
    """How the tensors of a GGUF file are stored, the commonest first."""
    if not path.is_file():
        return "GGUF"
    from gguf import GGUFReader

    counts = Counter(tensor.tensor_type.name for tensor in GGUFReader(path).tensors)
    return f"GGUF ({', '.join(f'{count} {name}' for name, count in counts.most_common())})"


def _chosen_dtype(config: Any, dtype: str | None, device: str) -> torch.dtype | str:
    if dtype is not None:
        return DTYPES[dtype]
    stored = getattr(config, "dtype", None)
    half = stored in (torch.float16, torch.bfloat16, "float16", "bfloat16")
    on_cpu = device == "cpu" or (device == "auto" and not torch.cuda.is_available())
    return torch.float32 if half and on_cpu else "auto"


def _digest(source: str, model: Any) -> str:
    local = source_digest(source)
    if local is not None:
        return local
    commit = getattr(model.config, "_commit_hash", None)
    return f"commit:{commit}" if commit else model_digest(model)


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
