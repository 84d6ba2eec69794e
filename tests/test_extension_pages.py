"""The pages on how to add a theorem and a placement rule, followed literally in a copy."""

import json
import os
import re
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("theory", "simulate", "realmodel", "paper_figures")
PAGES = {
    "theorem": "theory/proofs/t1h_redundant_apart.py",
    "placement-rule": "realmodel/placement/rules/apart.py",
}

# One process for both: importing torch is most of the time.
PLACE = """
import sys
from realmodel.cli import app
from tests.realmodel.handmade_card import build

build(layers=6).save("card.json")
sys.argv[1:1] = ["place", "card.json"]
app()
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages with the files that the pages show, under the names that they give."""
    folder = tmp_path_factory.mktemp("copy")
    # What is compiled already is copied with its sources' times, so that nothing is compiled twice.
    skipped = shutil.ignore_patterns("*.pyc.*", "checkpoints")
    for name in (*PACKAGES, "tests/theory", "tests/realmodel"):
        shutil.copytree(ROOT / name, folder / name, ignore=skipped)
    for name in ("pyproject.toml", "tests/conftest.py"):
        shutil.copy(ROOT / name, folder / name)
    (folder / ".venv").symlink_to(sys.prefix)  # where pyproject.toml says that pyright finds it
    for page, name in PAGES.items():
        text = (ROOT / f"docs/extend/{page}.md").read_text(encoding="utf-8")
        assert f"`{name}`, as it stands" in text
        block = re.search(r"as it stands.*?^```python\n(.*?)^```", text, flags=re.M | re.S)
        assert block is not None
        (folder / name).write_text(block[1], encoding="utf-8")
    return folder


def run(folder: Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder), "COLUMNS": "80"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_files_pass_lint_and_format(copy: Path) -> None:
    run(copy, "-m", "ruff", "check", "--no-cache", *PAGES.values())
    run(copy, "-m", "ruff", "format", "--no-cache", "--check", *PAGES.values())


def test_their_types_are_checked(copy: Path) -> None:
    """By pyright in full; by mypy too, to which of what they import our signatures count."""
    run(copy, "-m", "pyright", *PAGES.values())
    skipped = ("--follow-imports=silent", "--no-incremental", "--no-site-packages")
    codes = ("import-not-found", "import-untyped", "no-any-return", "misc", "no-untyped-call")
    disabled = [word for code in codes for word in ("--disable-error-code", code)]
    run(copy, "-m", "mypy", *skipped, *disabled, *PAGES.values())


def test_the_theorem_is_asked_what_the_page_says(copy: Path) -> None:
    asked = [f"tests/theory/proofs/test_{name}.py" for name in ("theorems", "mutations")]
    words = ("-q", "-p", "no:cacheprovider", "-k", "1h")
    told = run(copy, "-m", "pytest", *words, *asked)
    assert int(told.rsplit(" passed", 1)[0].split()[-1]) >= 4, told


def test_place_takes_the_rule(copy: Path) -> None:
    found = json.loads(run(copy, "-c", PLACE, "--rule", "apart", "--budget", "2", "--json"))
    layers = found["placement"]["layers"]
    assert len(layers) == 2
    assert all(two - one > 1 for one, two in pairwise(layers))
    assert "no promise of its own; certified by 10a" in json.dumps(found)
