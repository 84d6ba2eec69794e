"""What made a number: versions, commit, command, date and hardware."""

import os
import platform
import shlex
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from paper_figures.code_version import ROOT

DISTRIBUTIONS = ("numpy", "scipy", "matplotlib", "torch", "transformers", "peft")


def environment(seed: int) -> dict[str, Any]:
    """Record of where and how a step ran.

    Parameters
    ----------
    seed : int
        Seed of the run.

    Returns
    -------
    dict
        Keys seed, versions, commit (hash, or null with a reason), command, date (UTC) and hardware.

    Examples
    --------
    >>> sorted(environment(0))
    ['command', 'commit', 'date', 'hardware', 'seed', 'versions']
    """
    program = Path(sys.argv[0]).name
    start = "python -m paper_figures" if program in {"__main__.py", "-m"} else program
    return {
        "seed": seed,
        "versions": {"python": platform.python_version(), **_versions()},
        "commit": _commit(),
        "command": shlex.join([*start.split(), *sys.argv[1:]]),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "hardware": _hardware(),
    }


@cache
def _versions() -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for name in DISTRIBUTIONS:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = None
    return found


@cache
def _commit() -> dict[str, Any]:
    try:
        head = _run("git", "-C", str(ROOT), "rev-parse", "HEAD")
        changed = _run("git", "-C", str(ROOT), "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return {"hash": None, "reason": "not a git checkout"}
    return {"hash": head, "modified": bool(changed)}


@cache
def _hardware() -> dict[str, Any]:
    gpus: list[str] = []
    if shutil.which("nvidia-smi"):
        try:
            gpus = _run("nvidia-smi", "--query-gpu=name", "--format=csv,noheader").splitlines()
        except (OSError, subprocess.SubprocessError):
            gpus = ["nvidia-smi failed"]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "machine": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "memory_bytes": memory,
        "gpus": gpus,
    }


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20)
    return done.stdout.strip()
