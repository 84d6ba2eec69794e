"""The command: names, presets, errors, exit codes, and ``layercard figures`` in front of it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from paper_figures.application import app
from paper_figures.artifact import artifacts
from paper_figures.preset import PRESETS, label
from realmodel.cli import app as layercard
from realmodel.runs.output_folder import claimed

RUN = CliRunner()


def test_list_names_every_artifact() -> None:
    done = RUN.invoke(app, ["--list", "--json"])
    assert done.exit_code == 0
    assert list(json.loads(done.stdout)) == list(artifacts())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nonsense"], "unknown figure or table 'nonsense'; choose from"),
        (["--preset", "huge"], "unknown preset 'huge'; choose from demo, mini, paper"),
        (["overview", "--from-data"], "overview.json is missing"),
        (["costs", "--model", "./nowhere"], "model './nowhere': no such folder"),
        (["costs", "--data", "nowhere.json"], "data 'nowhere.json': no such file"),
        (["task_correlation", "--data", "a.json"], "give --data twice"),
        (["costs", "--data", "x/a.json", "--data", "x/b.json"], "would both be called 'x'"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(
    tmp_path: Path, arguments: list[str], message: str
) -> None:
    done = RUN.invoke(app, [*arguments, "--output-dir", str(tmp_path)])
    assert done.exit_code == 2
    assert message in done.stderr
    assert list(tmp_path.rglob("*.p*")) == []


def test_a_second_command_in_the_folder_is_refused(tmp_path: Path) -> None:
    arguments = ["overview", "--output-dir", str(tmp_path / "out")]
    with claimed(tmp_path / "out"):
        for command in ([app, arguments], [layercard, ["figures", *arguments]]):
            done = RUN.invoke(*command)
            assert done.exit_code == 2, done.output
            assert "another command is writing to" in done.stderr
            assert list((tmp_path / "out").iterdir()) == []


def test_what_a_killed_command_was_drawing_is_removed(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    left = tmp_path / "figures" / f".overview.{dead.pid}.part.png"
    left.parent.mkdir()
    left.write_bytes(b"half")
    RUN.invoke(app, ["overview", "--from-data", "--output-dir", str(tmp_path)])
    assert not left.exists()


def test_one_figure_and_again(tmp_path: Path) -> None:
    arguments = ["overview", "--json", "--output-dir", str(tmp_path)]
    first, second = (RUN.invoke(app, arguments) for _ in range(2))
    assert first.exit_code == second.exit_code == 0
    made = json.loads(first.stdout)["overview"]
    assert made["computed"]
    assert not json.loads(second.stdout)["overview"]["computed"]
    assert all(Path(path).is_file() for path in made["files"])


def test_layercard_figures_is_the_same_command() -> None:
    ours, theirs = (
        RUN.invoke(layercard, ["figures", "--list", "--json"]),
        RUN.invoke(app, ["--list", "--json"]),
    )
    assert ours.exit_code == 0, ours.output
    assert json.loads(ours.stdout) == json.loads(theirs.stdout)
    assert RUN.invoke(layercard, ["figures", "nonsense"]).exit_code == 2


def test_module_runs_without_torch() -> None:
    code = (
        "import sys; from paper_figures.artifact import artifacts; artifacts(); "
        "print('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])},
    )
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("name", PRESETS)
def test_presets_have_sources_with_distinct_labels(name: str) -> None:
    chosen = PRESETS[name]
    for sources in (chosen.models, chosen.data):
        assert len({label(source) for source in sources}) == len(sources) > 0
