"""README and documentation are executed: Python blocks as sessions, console blocks as commands."""

import doctest
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
PAGES = (README, *sorted((ROOT / "docs").rglob("*.md")))
ELLIPSIS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def blocks(language: str, page: Path = README) -> list[str]:
    """Fenced blocks of ``language`` in a page."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), flags=re.M | re.S)


def sessions(page: Path) -> str:
    """All Python sessions of a page, joined: names carry over from block to block."""
    return "\n".join(block for block in blocks("python", page) if ">>>" in block)


def commands(block: str) -> list[tuple[str, str]]:
    """(command, expected output) pairs of a console block."""
    parts = re.split(r"^\$ ", block, flags=re.M)[1:]
    return [(head, tail) for head, _, tail in (part.partition("\n") for part in parts)]


def check_output(expected: str, actual: str) -> None:
    """Fail unless ``actual`` matches ``expected``, where ``...`` stands for anything."""
    if not doctest.OutputChecker().check_output(expected, actual, ELLIPSIS):
        pytest.fail(f"the page says\n{expected}\nbut the command printed\n{actual}")


@pytest.mark.parametrize("page", [page for page in PAGES if sessions(page)], ids=lambda p: p.stem)
def test_python_blocks(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    example = doctest.DocTestParser().get_doctest(sessions(page), {}, page.name, str(page), 0)
    result = doctest.DocTestRunner(optionflags=ELLIPSIS).run(example)
    assert result.failed == 0


def test_other_python_blocks_are_python() -> None:
    for page in PAGES:
        for block in blocks("python", page):
            if ">>>" not in block:
                compile(block, str(page), "exec")


@pytest.mark.parametrize(
    ("command", "expected"),
    [pair for page in PAGES for block in blocks("console", page) for pair in commands(block)],
)
def test_console_block(command: str, expected: str, tmp_path: Path) -> None:
    words = shlex.split(command)
    assert words[0] in {"layercard", "python"}
    binary = Path(sys.executable).parent / words[0]
    done = subprocess.run(
        [str(binary), *words[1:]],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "100"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    check_output(expected, done.stdout)


def test_make_targets_of_readme_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    named = set(re.findall(r"\bmake ([a-z-]+)", "\n".join(blocks("bash"))))
    assert {"demo", "test"} <= named
    assert not [target for target in named if f"\n{target}:" not in makefile]


def test_local_links_of_readme_exist() -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", README.read_text())
    assert links
    assert not [link for link in links if not (ROOT / link).exists()]


def test_check_output_fails_on_a_wrong_answer() -> None:
    check_output("gain ... nats\n", "gain 0.5 nats\n")
    with pytest.raises(pytest.fail.Exception):
        check_output("gain 0.4 nats\n", "gain 0.5 nats\n")
