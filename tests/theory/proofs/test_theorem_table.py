"""The tables of README and documentation are generated and current."""

from pathlib import Path

import pytest

from theory import THEOREMS
from theory.generated_text import between, put_between
from theory.proofs.theorem_table import BEGIN, END, theorem_table

ROOT = Path(__file__).resolve().parents[3]
PAGES = ("README.md", "docs/theory.md")


def check_current(text: str) -> None:
    """The table between the markers is the generated one; a text without markers has none."""
    found = between(text, BEGIN, END)
    assert found in (None, theorem_table()), "stale: run `python -m theory.proofs.theorem_table`"


@pytest.mark.parametrize("page", PAGES)
def test_the_tables_are_current(page: str) -> None:
    check_current((ROOT / page).read_text())


def test_a_stale_table_is_noticed() -> None:
    current = f"before\n{BEGIN}\n{theorem_table()}\n{END}\nafter\n"
    check_current(current)
    with pytest.raises(AssertionError, match="stale"):
        check_current(current.replace("reconstruction", "paper", 1))
    stale = f"before\n{BEGIN}\n{END}\nafter\n"
    with pytest.raises(AssertionError, match="stale"):
        check_current(stale)
    assert put_between(stale, BEGIN, END, theorem_table()) == current


def test_the_documentation_proves_every_theorem() -> None:
    text = (ROOT / "docs/theory.md").read_text()
    assert BEGIN in text
    missing = [id for id in THEOREMS if f"**{id}" not in text]
    assert not missing, f"docs/theory.md does not treat {missing}"


def test_every_figure_exists() -> None:
    for theorem in THEOREMS.values():
        if theorem.figure is not None:
            assert (ROOT / "paper_figures/figures" / f"{theorem.figure}.py").is_file()
