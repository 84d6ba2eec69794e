"""docs/figures.md says of every figure and table what the code says, and its pictures exist."""

import re
from pathlib import Path

import pytest

from paper_figures.artifact import Artifact, artifacts
from theory import THEOREMS

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = " ".join((DOCS / "figures.md").read_text().split())


@pytest.mark.parametrize("artifact", artifacts().values(), ids=lambda artifact: artifact.name)
def test_caption_is_on_the_page(artifact: Artifact) -> None:
    assert " ".join(artifact.caption.split()) in PAGE
    if artifact.kind == "figure":
        assert f"(figures/{artifact.name}.png)" in PAGE
        assert (DOCS / "figures" / f"{artifact.name}.png").is_file()


@pytest.mark.parametrize(
    "name", [item.name for item in artifacts().values() if item.kind == "figure"]
)
def test_theorems_shown_are_those_of_the_theorem_table(name: str) -> None:
    """One place decides which figure shows a theorem; the page repeats it."""
    _, section = PAGE.split(f"(figures/{name}.png)")
    named = re.search(r"Theorems shown: (.*?) \(", section.split(" ## ")[0])
    ids = [theorem.id for theorem in THEOREMS.values() if theorem.figure == name]
    assert (named[1] if named else "") == ", ".join(ids)


def test_pictures_are_small_and_all_of_them_are_shown() -> None:
    pictures = list((DOCS / "figures").glob("*.png"))
    assert sum(path.stat().st_size for path in pictures) < 2_000_000
    assert all(f"(figures/{path.name})" in PAGE for path in pictures)


def test_reconstructions_are_not_called_the_papers() -> None:
    assert "reconstructions" in PAGE
    assert "has **not been run**" in PAGE
