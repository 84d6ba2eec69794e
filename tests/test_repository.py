"""The repository keeps its own promises: where packages live, who imports what, what make runs."""

import importlib
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("theory", "simulate", "realmodel", "paper_figures")
TORCH_SIDE = ("torch", "transformers", "peft", "accelerate", "safetensors")


def imported_after(statement: str) -> set[str]:
    """Top-level modules that a fresh interpreter holds after running ``statement``."""
    code = f"{statement}\nimport sys\nprint(*sorted({{m.partition('.')[0] for m in sys.modules}}))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


@pytest.mark.parametrize("package", PACKAGES)
def test_package_is_the_one_of_this_checkout(package: str) -> None:
    module = importlib.import_module(package)
    assert module.__file__ is not None
    assert Path(module.__file__).resolve().parent == ROOT / package


@pytest.mark.parametrize("package", ["theory", "simulate", "realmodel.cli", "paper_figures"])
def test_torch_is_not_imported(package: str) -> None:
    assert not imported_after(f"import {package}") & set(TORCH_SIDE)


def test_imported_after_sees_an_import() -> None:
    assert "safetensors" in imported_after("import safetensors")


@pytest.mark.parametrize("package", ["theory", "simulate"])
def test_lower_layers_do_not_import_upper_ones(package: str) -> None:
    seen = imported_after(f"import {package}")
    assert not seen & {"realmodel", "paper_figures"}
    assert package != "theory" or "simulate" not in seen


def test_wheel_and_sdist_list_every_package() -> None:
    targets = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"][
        "targets"
    ]
    assert set(targets["wheel"]["only-include"]) == set(PACKAGES)
    assert set(PACKAGES) < set(targets["sdist"]["only-include"])


def test_no_file_is_a_grab_bag() -> None:
    assert not [p for package in PACKAGES for p in (ROOT / package).rglob("util*.py")]


def test_no_pickle_is_loaded() -> None:
    forbidden = ("pickle.load", "torch.load(", "allow_pickle=True", "joblib.load(")
    offenders = [
        f"{path.relative_to(ROOT)}: {word}"
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        for word in forbidden
        if word in path.read_text()
    ]
    assert offenders == []
