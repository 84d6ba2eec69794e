"""A file is the old one or the new one, and nothing of a killed process stays."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from theory import InputError
from theory.whole_file import replacing, write_json, write_whole


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = write_whole(tmp_path / "a.txt", "old")

    def fail_midway() -> None:
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError("midway")

    with pytest.raises(RuntimeError, match="midway"):
        fail_midway()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_json_without_a_value_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", {"x": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_removed_and_what_a_living_one_writes_is_not(
    tmp_path: Path,
) -> None:
    path = tmp_path / "figure [1].png"
    script = (
        "import sys, time\nfrom theory.whole_file import replacing\n"
        "with replacing(sys.argv[1]) as temporary:\n"
        "    temporary.write_text('x')\n    print('ready', flush=True)\n    time.sleep(60)\n"
    )
    root = str(Path(__file__).resolve().parents[2])
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE, text=True, cwd=root
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    write_whole(path, b"other")
    assert len(list(tmp_path.iterdir())) == 2  # the living one's is kept
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    write_whole(path, b"again")
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("place", ["file/under", "x" * 300])
def test_a_place_that_cannot_be_written_is_one_error(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write"):
        write_whole(tmp_path / place, "text")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
