"""The counts on the page of what is promised are those of the tests."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs/limits.md").read_text(encoding="utf-8")
FUZZ = ROOT / "tests/realmodel/cli/test_fuzz.py"
ROWS = re.findall(r"^\|.*\| (`tests/\S+`(?:, `\S+`)*) \| (\d+) \|$", PAGE, flags=re.M)


def functions(path: Path) -> int:
    """How many tests a file defines; one that is run on many values is one."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return sum(
        isinstance(node, ast.FunctionDef) and node.name.startswith("test_") for node in tree.body
    )


@pytest.mark.parametrize(("files", "count"), ROWS)
def test_every_row_counts_its_tests(files: str, count: str) -> None:
    names = re.findall(r"`(\S+)`", files)
    assert sum(functions(ROOT / name) for name in names) == int(count)


def test_every_row_is_read() -> None:
    section = PAGE[PAGE.index("## Bad input") :]
    assert len(ROWS) == section.count("\n| ") - 2 > 5


def test_the_fuzz_test_and_its_corpus_are_counted() -> None:
    found = re.search(r"^CASES = (\d+)", FUZZ.read_text(encoding="utf-8"), flags=re.M)
    assert found is not None
    corpus = FUZZ.with_name("fuzz_corpus.jsonl").read_text(encoding="utf-8").splitlines()
    text = " ".join(PAGE.split())
    assert f"{int(found[1]):,} cases with every run of the tests" in text
    assert f"`fuzz_corpus.jsonl` beside it, {len(corpus)} inputs" in text
