"""A hostile system: full disks, closed pipes, no home, no temporary folder, another command."""

import errno
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from realmodel.cli import app
from realmodel.runs.output_folder import claimed
from theory import InputError

ROOT = str(Path(__file__).resolve().parents[3])
LAYERCARD = (sys.executable, "-c", "from realmodel.cli import app; app()")
SMALL = ("simulate", "noise_amplification", "--worlds", "1", "--workers", "1", "--output-dir")
PLAIN = {"PATH": "/usr/bin:/bin", "PYTHONPATH": ROOT, "OMP_NUM_THREADS": "1"}


def run(*words: str, **more: Any) -> subprocess.CompletedProcess[str]:
    more = {"stdout": subprocess.PIPE, "env": PLAIN} | more
    return subprocess.run(
        [*LAYERCARD, *words], stderr=subprocess.PIPE, text=True, timeout=120, **more
    )


@pytest.mark.parametrize("words", [("simulate",), ("simulate", "--json")])
def test_a_reader_that_goes_away(words: tuple[str, ...]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = run(*words, stdout=writing)
    os.close(writing)
    assert done.returncode in (0, 141), done.stderr
    assert done.stderr == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_standard_output_on_a_full_disk() -> None:
    with open("/dev/full", "w") as full:
        done = run("simulate", "--json", stdout=full)
    assert done.returncode == 2
    assert done.stderr == "error: [Errno 28] No space left on device\n"


def test_a_bare_environment_without_home_language_or_temporary_folder(tmp_path: Path) -> None:
    nowhere = str(tmp_path / "nowhere")
    bare = PLAIN | {"TERM": "dumb", "LANG": "C", "LC_ALL": "C", "HOME": nowhere, "TMPDIR": nowhere}
    out = tmp_path / "ä out"
    done = run(*SMALL, str(out), env=bare)
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    assert len(list(out.iterdir())) == 3


def test_a_disk_that_fills_up_leaves_nothing_half_written(tmp_path: Path) -> None:
    def few_bytes() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))

    done = run(*SMALL, str(tmp_path / "out"), preexec_fn=few_bytes)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "error: " in done.stderr
    left = [path.name for path in (tmp_path / "out").iterdir()]
    assert left == ["noise_amplification.jsonl"], "what is finished is kept, to go on with"


def test_no_space_left(folder_and_card: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    home, card = folder_and_card

    def full(*_: object, **__: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", full)
    words = ["card", "--card", str(card), "--output-dir", str(home / "out")]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 2, done.output
    assert "No space left on device; choose another place" in " ".join(done.stderr.split())
    assert not (home / "out").exists()


def test_a_folder_that_may_not_be_written(
    folder_and_card: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    home, card = folder_and_card
    monkeypatch.setattr("tempfile.TemporaryFile", denied)  # root may write anywhere
    for words in (("card", "--card", str(card)), ("place", str(card), "--budget", "1")):
        done = CliRunner().invoke(app, [*words, "--output-dir", str(home)])
        assert done.exit_code == 2, done.output
        assert "cannot write to the output folder" in " ".join(done.stderr.split())


def test_a_folder_in_the_place_of_a_file_is_found_at_once(
    folder_and_card: tuple[Path, Path],
) -> None:
    home, card = folder_and_card
    for name, words in (
        ("card.html", ("card", "--card", str(card))),
        ("placement.json", ("place", str(card), "--budget", "1")),
    ):
        (home / "out" / name).mkdir(parents=True)
        done = CliRunner().invoke(app, [*words, "--output-dir", str(home / "out")])
        assert done.exit_code == 2, done.output
        assert f"{name}' is a folder: move it" in done.stderr.replace("\n", "")
        assert [path.name for path in (home / "out").iterdir()] == [name]
        (home / "out" / name).rmdir()


def denied(*_: object, **__: object) -> None:
    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


@pytest.fixture
def folder_and_card(tmp_path: Path, make_card: Any) -> tuple[Path, Path]:
    return tmp_path, make_card(layers=3).save(tmp_path / "saved" / "card.json")


def test_two_commands_in_one_folder(folder_and_card: tuple[Path, Path]) -> None:
    home, card = folder_and_card
    script = (
        "import sys\nfrom realmodel.runs.output_folder import claimed\n"
        "with claimed(sys.argv[1]):\n    print('ready', flush=True)\n    sys.stdin.read()\n"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", script, str(home / "out")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=PLAIN,
    )
    assert other.stdin is not None
    assert other.stdout is not None
    assert other.stdout.readline() == "ready\n"
    words = ["card", "--card", str(card), "--output-dir", str(home / "out")]
    refused = CliRunner().invoke(app, words)
    assert refused.exit_code == 2, refused.output
    assert "another command is writing to" in refused.stderr
    assert list((home / "out").iterdir()) == []
    other.kill()  # a dead one holds nothing
    other.wait()
    other.stdin.close()
    other.stdout.close()
    assert CliRunner().invoke(app, words).exit_code == 0
    assert CliRunner().invoke(app, words).exit_code == 0, "nor does one that has ended"


def test_a_claim_is_for_all_its_folders_and_leaves_none_empty(tmp_path: Path) -> None:
    with (
        claimed(tmp_path / "a", tmp_path / "b", tmp_path / "a", None),
        pytest.raises(InputError, match="another command"),
        claimed(tmp_path / "c", tmp_path / "b"),
    ):
        raise AssertionError("claimed twice")
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_command_was_writing_is_removed_at_the_next_start(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    (tmp_path / f".phase.{dead.pid}.part.png").write_bytes(b"")
    (tmp_path / f".adapter.{dead.pid}.part").mkdir()
    (tmp_path / f".phase.{os.getpid()}.part.pdf").write_bytes(b"of a living one")
    with claimed(tmp_path):
        assert [path.name for path in tmp_path.iterdir()] == [f".phase.{os.getpid()}.part.pdf"]
