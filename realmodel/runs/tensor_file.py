"""Tensors with a manifest in one safetensors file: written atomically, refused when damaged."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from theory import InputError
from theory.read_json import parse_json
from theory.whole_file import replacing


def write_tensors(
    path: Path, tensors: Mapping[str, torch.Tensor], manifest: Mapping[str, Any]
) -> None:
    """Write beside ``path`` and rename, so that ``path`` is either the old file or the new one.

    Raises
    ------
    InputError
        If the disk is full or the folder cannot be written; nothing is left behind.
    """
    contents = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    text = json.dumps(manifest, allow_nan=False, sort_keys=True)
    metadata = {"manifest": text, "sha256": _digest(contents, text)}
    try:
        with replacing(path) as temporary:
            save_file(contents, temporary, metadata=metadata)
    except (InputError, SafetensorError) as error:
        size = sum(tensor.numel() * tensor.element_size() for tensor in contents.values())
        raise InputError(
            f"{str(path)!r} cannot be written ({error}); it needs {size / 1e6:.1f} MB of free space"
        ) from error


class TensorFile(Mapping[str, torch.Tensor]):
    """Tensors that stay on disk and are read one at a time.

    Raises
    ------
    InputError
        On construction, if the file is missing, truncated or not one of ours, or its contents do
        not match their digest.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with _opened(path) as file:
            self._names = tuple(file.keys())
            metadata = file.metadata() or {}
        if "manifest" not in metadata:
            raise InputError(f"{str(path)!r} has no manifest: it was not written by layercard")
        manifest = parse_json(metadata["manifest"], str(path), "manifest")
        if not isinstance(manifest, dict):
            raise InputError(f"{str(path)!r} is corrupt: its manifest is no JSON object")
        self.manifest: dict[str, Any] = manifest
        if _digest(self, json.dumps(manifest, sort_keys=True)) != metadata.get("sha256"):
            raise InputError(f"{str(path)!r} is corrupt: its contents do not match their digest")

    def __getitem__(self, name: str) -> torch.Tensor:
        if name not in self._names:
            raise KeyError(name)
        with _opened(self.path) as file:
            tensor: torch.Tensor = file.get_tensor(name)
        return tensor

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def _opened(path: Path) -> Any:
    if not path.is_file():
        raise InputError(f"{str(path)!r} does not exist")
    try:
        return safe_open(path, framework="pt")
    except (SafetensorError, OSError) as error:
        raise InputError(f"{str(path)!r} is truncated or corrupt ({error})") from error


def _digest(tensors: Mapping[str, torch.Tensor], manifest: str) -> str:
    digest = hashlib.sha256(manifest.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name}{tuple(tensor.shape)}{tensor.dtype}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
