"""What this machine has of what layercard needs, as records."""

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from packaging.requirements import Requirement

from realmodel.runs.host_memory import host_memory
from realmodel.runs.output_folder import output_folder
from theory import InputError

MINIMUM_MEMORY = 2 * 2**30
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Check:
    """One line of the report.

    Parameters
    ----------
    name : str
        What was looked at.
    status : {"ok", "note", "broken"}
        "note" limits something optional; "broken" stops a command.
    found : str
        What is there.
    advice : str
        What to do, empty when nothing.
    """

    name: str
    status: Literal["ok", "note", "broken"]
    found: str
    advice: str = ""


def checks(output_dir: Path, seed: int) -> Iterator[Check]:
    """Every check in turn; a check that itself fails becomes a broken line.

    Parameters
    ----------
    output_dir : Path
        Where write access is tried.
    seed : int
        Of the tiny model that the derivatives are tried on.
    """
    yield python()
    yield from packages()
    looks: dict[str, Callable[[], Check]] = {
        "processor": processor,
        "memory": memory,
        "write access": lambda: write_access(output_dir),
        "torch build": torch_build,
        "devices": devices,
        "derivatives": lambda: derivatives(seed),
        "embedded checkpoints": embedded_checkpoints,
        "data formats": data_formats,
        "browser": browser,
        "shared data": shared_data,
    }
    for name, look in looks.items():
        try:
            yield look()
        except Exception as error:  # a report must not stop at its first trouble
            yield Check(name, "broken", f"{type(error).__name__}: {error}", "see the message")


def python() -> Check:
    """The interpreter; pip has already refused one that is too old."""
    return Check("python", "ok", f"{platform.python_version()} at {sys.executable}")


def packages() -> Iterator[Check]:
    """Each requirement in layercard's metadata: one line for all that fit, one for each other."""
    try:
        requirements = importlib.metadata.requires("layercard") or []
    except importlib.metadata.PackageNotFoundError:
        yield Check("layercard", "broken", "not installed", "run pip install -e '.[realmodel]'")
        return
    fitting: list[str] = []
    for requirement in map(Requirement, requirements):
        marker = requirement.marker
        if marker is not None and not marker.evaluate({"extra": "realmodel"}):
            continue
        install = "run pip install -e '.[realmodel]'"
        try:
            version = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            yield Check(requirement.name, "broken", "not installed", install)
            continue
        if requirement.specifier.contains(version, prereleases=True):
            fitting.append(f"{requirement.name} {version}")
        else:
            wanted = f"{requirement.specifier} is needed; {install}"
            yield Check(requirement.name, "broken", version, wanted)
    yield Check("packages", "ok", ", ".join(fitting))


def processor() -> Check:
    """Cores that this process may use."""
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    threads = os.environ.get("OMP_NUM_THREADS", "not set")
    return Check("processor", "ok", f"{platform.machine()}, {cores} cores, OMP {threads}")


def memory() -> Check:
    """Memory that is free now, where the system tells."""
    available, total = host_memory()
    found = f"{available / 2**30:.1f} of {total / 2**30:.1f} GiB free"
    if available < MINIMUM_MEMORY:
        return Check("memory", "note", found, "the demo needs 2 GiB; larger models need more")
    return Check("memory", "ok", found)


def write_access(output_dir: Path) -> Check:
    """A file written, renamed and removed where results go."""
    try:
        folder = output_folder(output_dir)
    except InputError as error:
        return Check("write access", "broken", str(error), "choose another output folder")
    nearest = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(nearest).free / 2**30
    return Check("write access", "ok", f"{folder}, {free:.1f} GiB free")


def torch_build() -> Check:
    """How torch was built and how many threads it uses."""
    import torch

    build = "CPU" if torch.version.cuda is None else f"CUDA {torch.version.cuda}"
    return Check("torch build", "ok", f"{build} build, {torch.get_num_threads()} threads")


def devices() -> Check:
    """Accelerators that torch can use."""
    import torch

    found = [
        f"cuda:{index} {torch.cuda.get_device_name(index)}"
        for index in range(torch.cuda.device_count())
    ]
    if torch.backends.mps.is_available():
        found.append("mps")
    return Check("devices", "ok", ", ".join(["cpu", *found]))


def derivatives(seed: int) -> Check:
    """Forward-mode and reverse-mode derivatives through attention agree on a tiny model."""
    import torch
    from torch.func import functional_call, jvp
    from transformers import AutoModelForCausalLM, GPT2Config

    torch.manual_seed(seed)
    config = GPT2Config(
        vocab_size=32,
        n_positions=8,
        n_embd=16,
        n_layer=1,
        n_head=2,
        bos_token_id=0,
        eos_token_id=0,
    )
    model: Any = AutoModelForCausalLM.from_config(config, attn_implementation="eager")
    model = model.double().eval()
    ids = torch.arange(6)[None]
    name = "transformer.h.0.attn.c_attn.weight"
    weight = model.get_parameter(name)
    direction = torch.randn_like(weight)

    def loss(value: Any) -> Any:
        logits = functional_call(model, {name: value}, (ids,)).logits
        return torch.logsumexp(logits, -1).sum()

    with warnings.catch_warnings():
        # torch's own forward-mode rules still use torch.jit.script.
        warnings.simplefilter("ignore", DeprecationWarning)
        forward = float(jvp(loss, (weight.detach(),), (direction,))[1].detach())
    (gradient,) = torch.autograd.grad(loss(weight), weight)
    reverse = float((gradient * direction).sum())
    found = f"forward {forward:.6g}, reverse {reverse:.6g}"
    if not abs(forward - reverse) <= 1e-8 * max(1.0, abs(reverse)):
        return Check("derivatives", "broken", found, "they must agree; check the torch install")
    return Check("derivatives", "ok", found)


def embedded_checkpoints() -> Check:
    """The miniature checkpoints of the demo."""
    from realmodel.demo import CHECKPOINTS, checkpoint_folder

    try:
        weights = {name: checkpoint_folder(name) / "model.safetensors" for name in CHECKPOINTS}
        sizes = [f"{name} {path.stat().st_size / 2**20:.1f} MiB" for name, path in weights.items()]
    except InputError as error:
        return Check("embedded checkpoints", "broken", "missing", str(error))
    return Check("embedded checkpoints", "ok", ", ".join(sizes))


def data_formats() -> Check:
    """The libraries that Parquet, Arrow and hub data sets need."""
    missing = [name for name in ("pyarrow", "datasets") if importlib.util.find_spec(name) is None]
    if missing:
        advice = "Parquet, Arrow and hub data sets need pip install -e '.[data]'"
        return Check("data formats", "note", f"no {' and no '.join(missing)}", advice)
    return Check("data formats", "ok", "Parquet, Arrow and hub data sets can be read")


def browser() -> Check:
    """A Chromium for the page tests."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        return Check("browser", "note", "no Chromium", "only the tests of the HTML page need it")
    return Check("browser", "ok", path)


def shared_data() -> Check:
    """Real data and checkpoints beside the repository."""
    folder = ROOT.parent / "shared"
    parts = [part for part in ("data", "models") if (folder / part).is_dir()]
    if not parts:
        return Check(
            "shared data", "note", f"none at {folder}", "only tests on real input need them"
        )
    return Check("shared data", "ok", f"{folder}: {', '.join(parts)}")
