"""What of a checkpoint is refused, and why: damaged, quantised, partial, or of another kind."""

import re
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from safetensors import safe_open
from transformers import MODEL_FOR_CAUSAL_LM_MAPPING, MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING

from realmodel.runs.numbers import number
from theory import InputError

FLOATS = ("F16", "BF16", "F32", "F64")
"""How safetensors names the numbers that weights are measured in."""

LAYERS, EXPERTS = 2000, 10_000
MOST = {
    **dict.fromkeys(("num_hidden_layers", "num_layers", "n_layer", "n_layers"), LAYERS),
    **dict.fromkeys(("num_experts", "num_local_experts", "n_routed_experts"), EXPERTS),
}
"""Of each of these a module is made, or an entry of a list as soon as the configuration is read."""


def check_folder(folder: Path) -> None:
    """Refuse a folder without configuration and safetensors, or one of an adapter."""
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


def check_gguf(path: Path) -> None:
    """Refuse what only has the name of a GGUF file; one behind a hub id is not looked for."""
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


def check_sizes(source: str, record: Any) -> None:
    """Refuse what would take hours to build, or all memory."""
    for name, given in record.items():
        if isinstance(given, dict):
            check_sizes(source, given)
        elif isinstance(given, int | float) and given > MOST.get(name, given):
            raise InputError(
                f"checkpoint {source!r}: its config.json says {name} = {number(given)}, "
                f"and at most {MOST[name]:,} can be measured"
            )


def check_kind(source: str, config: Any) -> None:
    """Refuse what cannot be measured, by what the configuration says."""
    kind = config.model_type
    named = [str(name) for name in getattr(config, "architectures", None) or ()]
    if getattr(config, "is_encoder_decoder", False):
        raise InputError(
            f"checkpoint {source!r}: {kind!r} has an encoder and a decoder, and layercard measures "
            "models that continue one text: give a causal (decoder-only) language model"
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


def check_stored_numbers(source: str) -> None:
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


def check_complete(source: str, kind: str, report: Mapping[str, Any], names: Iterable[str]) -> None:
    """Refuse a model that transformers would fill up at random, cut, or load in part."""
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
    missing = sorted(report["missing_keys"])
    if missing:
        raise InputError(
            f"checkpoint {source!r} lacks {len(missing)} weights that {kind} needs, such as "
            f"{missing[0]}: it is incomplete or of another model"
        )


def _any_layer(name: str) -> str:
    return re.sub(r"\.\d+\.", ".#.", name)
