"""docs/figures.md says of every figure and table what the code says, and its pictures exist."""

from pathlib import Path

import pytest

from paper_figures.artifact import Artifact, artifacts

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = " ".join((DOCS / "figures.md").read_text().split())


@pytest.mark.parametrize("artifact", artifacts().values(), ids=lambda artifact: artifact.name)
def test_caption_is_on_the_page(artifact: Artifact) -> None:
    assert " ".join(artifact.caption.split()) in PAGE
    if artifact.kind == "figure":
        assert f"(figures/{artifact.name}.png)" in PAGE
        assert (DOCS / "figures" / f"{artifact.name}.png").is_file()


def test_pictures_are_small_and_all_of_them_are_shown() -> None:
    pictures = list((DOCS / "figures").glob("*.png"))
    assert sum(path.stat().st_size for path in pictures) < 2_000_000
    assert all(f"(figures/{path.name})" in PAGE for path in pictures)


def test_reconstructions_are_not_called_the_papers() -> None:
    assert "reconstructions" in PAGE
    assert "has **not been run**" in PAGE
