"""A run on disk: adapter and optimiser as safetensors, everything else as JSON."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from theory import InputError
from theory.read_json import read_json
from theory.whole_file import replacing, write_json

VERSION = 1


def save_run(
    folder: Path,
    *,
    step: int,
    parameters: Mapping[str, torch.Tensor],
    optimizer: torch.optim.Optimizer,
    identity: Mapping[str, Any],
    losses: list[float],
) -> None:
    """Write the state after ``step`` steps; a reader sees the old state or the new one.

    The tensors carry their step in the file name, and the JSON names them, so that replacing
    the JSON is the one atomic switch between two states.
    """
    tensors = {f"parameter:{name}": value.detach() for name, value in parameters.items()}
    state = optimizer.state_dict()["state"]
    for index, name in enumerate(parameters):
        for key, value in state[index].items():
            tensors[f"{key}:{name}"] = value
    file = folder / f"state-{step}.safetensors"
    with replacing(file) as temporary:
        save_file({name: value.cpu().contiguous() for name, value in tensors.items()}, temporary)
    manifest = {
        "version": VERSION,
        "step": step,
        "tensors": file.name,
        "identity": dict(identity),
        "losses": losses,
    }
    write_json(folder / "run.json", manifest)
    for old in folder.glob("state-*.safetensors"):
        if old != file:
            old.unlink()


def load_run(
    folder: Path,
    *,
    parameters: Mapping[str, torch.nn.Parameter],
    optimizer: torch.optim.Optimizer,
    identity: Mapping[str, Any],
) -> tuple[int, list[float]]:
    """Restore the state in place.

    Returns
    -------
    step : int
        Steps already done; 0 when the folder holds no run.
    losses : list of float
        Training loss of each of these steps.

    Raises
    ------
    InputError
        When the run is damaged or belongs to another model, data, placement or protocol.
    """
    path = folder / "run.json"
    if not path.exists():
        return 0, []
    try:
        manifest = read_json(path, "saved run")
        version = manifest["version"]
        saved_identity = manifest["identity"]
        step, losses = int(manifest["step"]), [float(loss) for loss in manifest["losses"]]
        tensors_path = folder / str(manifest["tensors"])
    except InputError as error:
        raise InputError(f"{error}; delete it to start over") from error
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} is not a saved run: {error}; delete it to start over") from error
    if version != VERSION:
        raise InputError(f"{path} has version {version!r}, this program reads {VERSION}")
    for key, value in identity.items():
        if saved_identity.get(key) != value:
            raise InputError(
                f"{folder} holds a run with {key} {saved_identity.get(key)!r}, not {value!r}; "
                "use another folder"
            )
    try:
        tensors = load_file(tensors_path)
        state: dict[int, dict[str, torch.Tensor]] = {}
        with torch.no_grad():
            for index, (name, parameter) in enumerate(parameters.items()):
                parameter.copy_(tensors[f"parameter:{name}"])
                state[index] = {
                    key: tensors[f"{key}:{name}"] for key in ("step", "exp_avg", "exp_avg_sq")
                }
    except (SafetensorError, OSError, KeyError, RuntimeError) as error:
        raise InputError(
            f"{tensors_path} is damaged ({error}); delete {folder} to start over"
        ) from error
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})
    return step, losses
