"""What identifies a checkpoint: a digest of its files, or of a model in memory."""

import hashlib
import json
from pathlib import Path
from typing import Any

import torch


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
