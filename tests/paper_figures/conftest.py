"""Every figure and table, built when first asked for, at a small size."""

import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from paper_figures.artifact import select
from paper_figures.build import Built, build
from paper_figures.preset import PRESETS, Preset
from paper_figures.store import Store


@pytest.fixture(scope="session")
def small() -> Preset:
    """The demo preset with two tasks and small samples."""
    return replace(
        PRESETS["demo"],
        data=PRESETS["demo"].data[:2],
        repeats=0.1,
        num_samples=8,
        directions=1,
        steps=2,
        finetune_seeds=1,
        placements=6,
    )


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where everything is built."""
    return tmp_path_factory.mktemp("paper")


@pytest.fixture(scope="session")
def built(small: Preset, folder: Path) -> Callable[[str], Built]:
    """Build one figure or table and say what became of it."""

    @cache
    def one(name: str) -> Built:
        (item,) = build(select([name]), small, folder)
        return item

    return one


@pytest.fixture(scope="session")
def data_of(built: Callable[[str], Built]) -> Callable[[str], dict[str, Any]]:
    """Data behind a figure or table."""

    @cache
    def one(name: str) -> dict[str, Any]:
        item = built(name)
        assert item.refused is None, item.refused
        return json.loads(item.files[0].read_text())["data"]

    return one


@pytest.fixture(scope="session")
def measured(small: Preset, folder: Path, built: Callable[[str], Built]) -> Callable[..., Any]:
    """Data of the steps that a figure or table was computed from, by their names."""

    def of(name: str) -> dict[str, dict[str, Any]]:
        assert built(name).refused is None, built(name).refused
        store = Store(folder, compute=False)
        (artifact,) = select([name])
        return {key: store.obtain(step)[0].data for key, step in artifact.inputs(small).items()}

    return of
