"""What of a checkpoint is refused, and why: damaged, quantised, partial, or of another kind."""

import re
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from transformers import MODEL_FOR_CAUSAL_LM_MAPPING, MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING

from realmodel.runs.numbers import number
from realmodel.runs.one_line import one_line
from theory import InputError
from theory.read_json import read_json

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


def check_files(source: str) -> None:
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
                f"({one_line(error)}); download it again"
            ) from error


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


def _layer(name: str) -> str:
    """Up to the number of the layer: ``model.layers.#``."""
    return name.partition(".#.")[0] if ".#." in name else ""


def _any_layer(name: str) -> str:
    return re.sub(r"\.\d+\.", ".#.", name)
