"""The pages on how to add a theorem and a placement rule, followed literally in a copy."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("theory", "simulate", "realmodel", "paper_figures")
PAGES = {
    "theorem": "theory/proofs/t1h_redundant_apart.py",
    "placement-rule": "realmodel/placement/rules/apart.py",
}


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages with the files that the pages show, under the names that they give."""
    folder = tmp_path_factory.mktemp("copy")
    skipped = shutil.ignore_patterns("__pycache__", "checkpoints")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=skipped)
    shutil.copy(ROOT / "pyproject.toml", folder)
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
    """Of what they import the signatures count: torch and its like are left out."""
    skipped = ("--follow-imports=silent", "--no-incremental", "--no-site-packages")
    codes = ("import-not-found", "import-untyped", "no-any-return", "misc", "no-untyped-call")
    disabled = [word for code in codes for word in ("--disable-error-code", code)]
    run(copy, "-m", "mypy", *skipped, *disabled, *PAGES.values())


QUESTIONS = """
import json, numpy as np
from theory import THEOREMS
found = THEOREMS["1h"]
problems = found.draw(np.random.default_rng(0), 500)
print(json.dumps([
    found.check(problems).problems, found.check(problems).violations,
    found.check(found.tight_example()).tightest_ratio,
    found.check(found.violated_example(), assume=False).violations,
]))
"""


def test_the_theorem_is_found_holds_is_tight_and_needs_its_assumption(copy: Path) -> None:
    checked, violated, ratio, broken = json.loads(run(copy, "-c", QUESTIONS))
    assert checked > 100
    assert violated == 0
    assert ratio == pytest.approx(1.0)
    assert broken == 1


CHOICE = """
import json, numpy as np
from theory import BlockQuadratic
from realmodel.placement.rules import rule, rules
H = np.eye(5) + 0.2
quadratic = BlockQuadratic(np.array([1.0, 1.2, 1.1, 0.5, 0.9]), H, (1,) * 5)
found = rule("apart").choose(quadratic, 2, None, range(5))
print(json.dumps([sorted(rules()), found.layers, found.guarantee.fraction]))
"""


def test_place_finds_the_rule(copy: Path) -> None:
    known, layers, fraction = json.loads(run(copy, "-c", CHOICE))
    assert "apart" in known
    assert layers == [1, 4]
    assert 0.5 < fraction <= 1.0
