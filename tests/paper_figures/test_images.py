"""Images: the right size, not blank, vector fonts, marked with their data, drawn once."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from paper_figures.artifact import artifacts, select
from paper_figures.build import Built, build
from paper_figures.image import is_current, save_image
from paper_figures.preset import Preset
from paper_figures.record import Record
from simulate.style import COLUMN, TEXT, log_ticks, panels, style

FIGURES = [item.name for item in artifacts().values() if item.kind == "figure"]
TABLES = [item.name for item in artifacts().values() if item.kind == "table"]


def check_image(path: Path) -> None:
    """Fail unless a PNG is one or two columns wide and shows something in its whole area."""
    with Image.open(path) as image:
        width, height = (side / round(image.info["dpi"][0]) for side in image.size)
        grey = np.asarray(image.convert("L"))
    assert min(abs(width - COLUMN), abs(width - TEXT)) < 0.02, f"{width} inches wide"
    assert 1.2 < height < 8.5, f"{height} inches high"
    for side in (grey, grey.T):
        for half in np.array_split(side, 2):
            assert np.mean(half < 250) > 0.01, "half of the image is blank"


@pytest.mark.parametrize("name", FIGURES)
def test_image(name: str, built: Callable[[str], Built]) -> None:
    item = built(name)
    assert item.refused is None, item.refused
    _, pdf, png = item.files
    check_image(png)
    content = pdf.read_bytes()
    assert content.startswith(b"%PDF")
    assert b"/Type3" not in content
    assert b"/FontFile2" in content, "the fonts are not embedded TrueType"


def check_ticks(figure: Figure) -> None:
    """Fail if an axis has a single number, or numbers that run into each other."""
    figure.draw_without_rendering()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            ticks = [tick for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
            labels = [label for tick in ticks for label in (tick.label1, tick.label2)]
            shown = [label for label in labels if label.get_visible() and label.get_text()]
            if not axes.axison or not shown:
                continue
            assert len(shown) > 1, f"{axis} has one number"
            boxes = [mark.get_window_extent() for mark in shown]
            assert not any(a.overlaps(b) for a, b in pairwise(boxes)), f"{axis} is crowded"


@pytest.mark.parametrize("name", FIGURES)
def test_ticks(name: str, data_of: Callable[[str], dict[str, Any]]) -> None:
    (item,) = select([name])
    with style():
        figure = item.show(data_of(name))
        assert isinstance(figure, Figure)
        check_ticks(figure)


@pytest.mark.parametrize(
    ("ticks", "message"), [([1.0], "one number"), ([1.0, 1.001, 1.002], "crowded")]
)
def test_the_ticks_check_fails_on_bad_ticks(ticks: list[float], message: str) -> None:
    with style():
        figure, axes = panels(1, 1, width=COLUMN, height=2.0)
        axes[0, 0].set(xscale="log", xlim=(0.6, 1.7), xticks=ticks, xticklabels=ticks)
        with pytest.raises(AssertionError, match=message):
            check_ticks(figure)
        log_ticks(axes[0, 0].xaxis)
        check_ticks(figure)


@pytest.mark.parametrize("name", TABLES)
def test_table(name: str, built: Callable[[str], Built]) -> None:
    item = built(name)
    assert item.refused is None, item.refused
    assert [path.suffix for path in item.files] == [".json", ".md", ".csv", ".tex"]
    markdown, text, latex = (path.read_text() for path in item.files[1:])
    rows = text.count("\n") - 1
    assert rows >= 1
    assert sum(line.startswith("| ") for line in markdown.splitlines()) == rows + 2
    assert sum(line.endswith(r"\\") for line in latex.splitlines()) == rows + 1


def test_second_build_computes_and_draws_nothing(
    built: Callable[[str], Built], small: Preset, folder: Path
) -> None:
    before = {path: path.stat().st_mtime_ns for path in built("overview").files}
    (again,) = build(select(["overview"]), small, folder)
    assert not again.computed
    assert {path: path.stat().st_mtime_ns for path in again.files} == before


def test_lost_image_is_redrawn_without_computing(
    built: Callable[[str], Built], small: Preset, folder: Path
) -> None:
    _, _, png = built("overview").files
    png.unlink()
    (again,) = build(select(["overview"]), small, folder, compute=False)
    assert not again.computed
    check_image(png)


def test_stale_or_missing_data_is_not_drawn(small: Preset, tmp_path: Path) -> None:
    (item,) = build(select(["overview"]), small, tmp_path, compute=False)
    assert item.refused is not None
    assert "overview.json is missing" in item.refused
    assert list(tmp_path.rglob("*.p*")) == []


def test_image_of_other_data_is_not_current(tmp_path: Path) -> None:
    record = Record("f", "key", {}, {}, {"value": 1})
    with style():
        figure = Figure(figsize=(1, 1))
        save_image(figure, record, tmp_path / "f")
    assert is_current(record, tmp_path / "f")
    assert not is_current(Record("f", "key", {}, {}, {"value": 2}), tmp_path / "f")
    assert not is_current(Record("f", "other", {}, {}, {"value": 1}), tmp_path / "f")
    (tmp_path / "f.png").write_bytes(b"damaged")
    assert not is_current(record, tmp_path / "f")


@pytest.mark.parametrize(
    ("size", "message"), [((COLUMN, 2), "blank"), ((5, 2), "wide"), ((COLUMN, 0.5), "high")]
)
def test_the_image_check_fails_on_bad_images(
    tmp_path: Path, size: tuple[float, float], message: str
) -> None:
    with style():
        Figure(figsize=size).savefig(tmp_path / "bad.png")
    with pytest.raises(AssertionError, match=message):
        check_image(tmp_path / "bad.png")
