"""Load a causal language model from a hub, folder or GGUF file, safely and with its digest."""

import hashlib
import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
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

from realmodel.model.quiet import quiet
from realmodel.runs.numbers import number
from realmodel.runs.panics import panics_as_errors
from theory import InputError
from theory.read_json import read_json

DTYPES = {
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
    "float32": torch.float32,
    "float64": torch.float64,
}

FLOATS = ("F16", "BF16", "F32", "F64")
"""How safetensors names the numbers that weights are measured in."""

OTHER_HEAD = re.compile(r"For\w*(Classification|QuestionAnswering|MultipleChoice)$|RewardModel$")
"""Classes that a language model becomes; a tied head would be filled in without a word."""

INDEX = "model.safetensors.index.json"

POINTER = b"version https://git-lfs"
"""How the text begins that stands in place of a large file that was not downloaded."""

LAYERS, EXPERTS = 2000, 10_000
MOST = {
    **dict.fromkeys(("num_hidden_layers", "num_layers", "n_layer", "n_layers"), LAYERS),
    **dict.fromkeys(("num_experts", "num_local_experts", "n_routed_experts"), EXPERTS),
}
"""Of each of these a module is made, or an entry of a list as soon as the configuration is read."""


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
    if not more:
        more = {"use_safetensors": True}
    try:
        _refuse_damaged(source)
        _refuse_other_numbers(source)
        with quiet():  # what transformers would warn about is refused below, in one line
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
                **more,
            )
    except InputError:
        raise
    except Exception as error:  # safetensors, tokenizers and hub errors share no base class
        raise InputError(f"checkpoint {source!r} cannot be loaded: {_one_line(error)}") from error
    _refuse_incomplete(source, str(config.model_type), report, model.state_dict())
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
        _check_folder(folder)
    elif more:
        _check_gguf(folder)
    elif folder.exists() or source.startswith((".", "/", "~")):
        raise InputError(
            f"checkpoint {source!r} is not a folder; give a folder, a .gguf file or a hub id"
        )
    try:
        # A field may hold anything: what these trip over is damage.
        if not more:
            _refuse_endless(source, PreTrainedConfig.get_config_dict(place)[0])
        config = AutoConfig.from_pretrained(place, trust_remote_code=trust_remote_code, **more)
        _refuse_kinds(source, config)
    except InputError:
        raise
    except Exception as error:
        text = _one_line(error)
        if "trust_remote_code" in str(error) and not trust_remote_code:
            raise InputError(
                f"checkpoint {source!r} brings model code of its own: read it, then allow it to "
                "run (trust_remote_code)"
            ) from error
        raise InputError(f"checkpoint {source!r} cannot be read: {text}") from error
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
            f"tokenizer (tokenizer.json, tokenizer_config.json) with it ({_one_line(error)[:120]})"
        ) from error


def empty_model(source: str, *, trust_remote_code: bool = False) -> Any:
    """The architecture of a checkpoint without its weights (meta device), for estimates."""
    config = load_config(str(source), trust_remote_code=trust_remote_code)
    try:
        with torch.device("meta"), quiet():
            return _model_class(config).from_config(
                config,
                attn_implementation="eager",
                experts_implementation="eager",
                trust_remote_code=trust_remote_code,
            )
    except Exception as error:
        raise InputError(f"checkpoint {source!r} cannot be built: {_one_line(error)}") from error


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


def _refuse_kinds(source: str, config: Any) -> None:
    """Refuse what cannot be measured, by what the configuration says."""
    kind = config.model_type
    named = [str(name) for name in getattr(config, "architectures", None) or ()]
    if getattr(config, "is_encoder_decoder", False):
        raise InputError(
            f"checkpoint {source!r}: {kind!r} has an encoder and a decoder, and layercard measures "
            "models that continue one text: give a causal (decoder-only) language model"
        )
    other = next((name for name in named if OTHER_HEAD.search(name)), None)
    if other is not None:
        raise InputError(
            f"checkpoint {source!r} was saved as {other}, whose head says nothing of the next "
            "token: give a causal language model"
        )
    if any("MaskedLM" in name for name in named):
        raise InputError(
            f"checkpoint {source!r} was saved as {named[0]}, which reads in both directions: it is "
            "not causal; give a causal (decoder-only) language model"
        )
    quantised = getattr(config, "quantization_config", None)
    if quantised is not None and not source.lower().endswith(".gguf"):
        if not isinstance(quantised, Mapping):
            quantised = quantised.to_dict()
        raise InputError(
            f"checkpoint {source!r} is quantised ({quantised.get('quant_method')}): measure the "
            "16-bit checkpoint that it was made from, or a GGUF file of it; the placement names "
            "the same modules and can be trained on the quantised one"
        )
    known = type(config) in MODEL_FOR_CAUSAL_LM_MAPPING
    known = known or type(config) in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING
    if not known and not hasattr(config, "auto_map"):
        raise InputError(
            f"checkpoint {source!r}: {kind!r} is not a causal language model "
            "that transformers knows"
        )


def _refuse_endless(source: str, record: Any) -> None:
    """Refuse what would take hours to build, or all memory."""
    for name, given in record.items():
        if isinstance(given, dict):
            _refuse_endless(source, given)
        elif isinstance(given, int | float) and given > MOST.get(name, given):
            raise InputError(
                f"checkpoint {source!r}: its config.json says {name} = {number(given)}, "
                f"and at most {MOST[name]:,} can be measured"
            )


def _layer(name: str) -> str:
    """Up to the number of the layer: ``model.layers.#``."""
    return name.partition(".#.")[0] if ".#." in name else ""


def _any_layer(name: str) -> str:
    return re.sub(r"\.\d+\.", ".#.", name)


def _refuse_damaged(source: str) -> None:
    """Refuse weight files that were downloaded in part, by the name of the file."""
    index = Path(source, INDEX)
    if index.is_file():
        record = read_json(index, "list of weight files")
        shards = record.get("weight_map") if isinstance(record, dict) else None
        if not isinstance(shards, dict):
            raise InputError(f"checkpoint {source!r}: {INDEX} has no weight_map; download it again")
        absent = [n for n in sorted(set(map(str, shards.values()))) if not Path(source, n).exists()]
        if absent:
            raise InputError(
                f"checkpoint {source!r} lacks {absent[0]}, one of the weight files that {INDEX} "
                "lists; download it again"
            )
    for path in sorted(Path(source).glob("*.safetensors")):
        try:
            with path.open("rb") as file:
                if file.read(len(POINTER)) == POINTER:
                    raise InputError(
                        f"checkpoint {source!r}: {path.name} is a Git LFS pointer, not the "
                        "weights; fetch them (git lfs pull)"
                    )
            with safe_open(path, "pt"):
                pass
        except (OSError, SafetensorError) as error:
            raise InputError(
                f"checkpoint {source!r} cannot be loaded: {path.name} is damaged "
                f"({_one_line(error)}); download it again"
            ) from error


def _refuse_other_numbers(source: str) -> None:
    """Refuse integers and 8-bit floats, which mean nothing without the scales of a quantiser."""
    for path in sorted(Path(source).glob("*.safetensors")):
        with safe_open(path, "pt") as stored:
            for name in stored.keys():  # noqa: SIM118  # no mapping
                part = stored.get_slice(name)
                if len(part.get_shape()) > 1 and part.get_dtype() not in FLOATS:
                    raise InputError(
                        f"checkpoint {source!r} stores {name} as {part.get_dtype()} and its "
                        "config.json names no quantisation: measure the 16-bit checkpoint that it "
                        "was made from"
                    )


def _refuse_incomplete(
    source: str, kind: str, report: Mapping[str, Any], names: Iterable[str]
) -> None:
    differing = sorted(report["mismatched_keys"], key=str)
    if differing:
        name, stored, wanted = differing[0]
        raise InputError(
            f"checkpoint {source!r} does not fit its config.json: {name} is stored as "
            f"{tuple(stored)} and {kind} needs {tuple(wanted)} ({len(differing)} weights differ)"
        )
    known = {_any_layer(name) for name in names}
    further = sorted(name for name in report["unexpected_keys"] if _any_layer(name) in known)
    if further:
        raise InputError(
            f"checkpoint {source!r} holds weights of more layers than its config.json gives, such "
            f"as {further[0]}: it would be measured in part"
        )
    # A bias, a norm or a scale that the architecture of config.json has not: left out, it would be
    # another model. Buffers and further heads are no such thing.
    layers = {prefix for name in known if (prefix := _layer(name))}
    dropped = sorted(
        name
        for name in report["unexpected_keys"]
        if f"{_any_layer(name).rpartition('.')[0]}.weight" in known
        or (name.endswith(".weight") and _layer(_any_layer(name)) in layers)
    )
    if dropped:
        raise InputError(
            f"checkpoint {source!r} holds {len(dropped)} weights that {kind} by its config.json "
            f"does not have, such as {dropped[0]}: it would be measured without them; mend "
            "config.json, or merge adapters into the weights"
        )
    missing = sorted(report["missing_keys"])
    if missing:
        raise InputError(
            f"checkpoint {source!r} lacks {len(missing)} weights that {kind} needs, such as "
            f"{missing[0]}: it is incomplete or of another model"
        )


def _check_gguf(path: Path) -> None:
    if find_spec("gguf") is None:  # transformers needs it, and says so at length
        raise InputError(
            f"checkpoint {str(path)!r} is a GGUF file: install the package gguf to read it"
        )
    if path.parent.is_dir() or str(path).startswith((".", "/", "~")):
        if not path.is_file():
            raise InputError(f"checkpoint {str(path)!r} does not exist")
        with path.open("rb") as file:
            if file.read(4) != b"GGUF":
                raise InputError(f"checkpoint {str(path)!r} is not a GGUF file")


def _stored_types(path: Path) -> str:
    """How the tensors of a GGUF file are stored, the commonest first."""
    if not path.is_file():
        return "GGUF"
    from gguf import GGUFReader

    counts = Counter(tensor.tensor_type.name for tensor in GGUFReader(path).tensors)
    return f"GGUF ({', '.join(f'{count} {name}' for name, count in counts.most_common())})"


def _check_folder(folder: Path) -> None:
    if (folder / "adapter_config.json").is_file():
        raise InputError(
            f"checkpoint {str(folder)!r} is an adapter: give the model that it was trained on, or "
            "merge it into that model and save the result in another folder"
        )
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


def check_device(device: str) -> torch.device:
    """The device, once a number was read from it.

    Raises
    ------
    InputError
        If torch cannot use it.
    """
    try:
        chosen = torch.device(device)
        float(torch.zeros((), device=chosen))  # on the device meta there are no numbers
    except (RuntimeError, AssertionError) as error:
        found = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
        raise InputError(
            f"device {device!r} cannot be used (at hand: {', '.join(['cpu', *found])}): "
            f"{_one_line(error)}"
        ) from error
    return chosen


def _digest(source: str, model: Any) -> str:
    local = source_digest(source)
    if local is not None:
        return local
    commit = getattr(model.config, "_commit_hash", None)
    return f"commit:{commit}" if commit else model_digest(model)


def source_digest(source: str) -> str | None:
    """Digest of a local checkpoint's configuration and weight files; None of a hub id."""
    path = Path(source)
    if path.is_dir():
        files = [path / "config.json", *sorted(path.glob("*.safetensors"))]
    elif path.is_file():
        files = [path]
    else:
        return None
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.name.encode())
        with file.open("rb") as stream:
            while block := stream.read(1 << 20):
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
        digest.update(tensor.detach().cpu().reshape(-1).contiguous().view(torch.uint8).numpy().data)
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
    told = " ".join(str(error).split())[:300] or type(error).__name__
    return f"nothing is known by the name {told}" if isinstance(error, KeyError) else told
