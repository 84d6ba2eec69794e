import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from realmodel.cli import app
from simulate.experiments import EXPERIMENTS


def run(*arguments):
    return CliRunner().invoke(app, ["simulate", *map(str, arguments)])


def test_without_a_name_the_experiments_are_listed():
    result = run()
    assert result.exit_code == 0
    assert all(name in result.stdout for name in EXPERIMENTS)
    listed = json.loads(run("--json").stdout)
    assert listed["phase"].endswith("?")


def test_it_prints_the_table_and_writes_rows_and_figure(tmp_path):
    arguments = ("noise_amplification", "--worlds", 1, "--workers", 1, "--output-dir", tmp_path)
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    assert "parameter" in result.stdout
    written = sorted(path.name for path in tmp_path.iterdir())
    assert written == [f"noise_amplification.{kind}" for kind in ("json", "pdf", "png")]
    rows = json.loads((tmp_path / "noise_amplification.json").read_text())["rows"]
    assert len(rows) == 20

    record = json.loads(run(*arguments, "--json").stdout)
    assert record["columns"]["parameter_error"]
    assert len(record["rows"]) == 20
    again = json.loads((tmp_path / "noise_amplification.json").read_text())["rows"]
    assert again == rows


def test_a_left_over_record_of_other_options_is_refused(tmp_path):
    (tmp_path / "choice.jsonl").write_text('{"sweep": "of another run"}\n')
    result = run("choice", "--worlds", 1, "--workers", 1, "--output-dir", tmp_path)
    assert result.exit_code == 2
    assert "holds another sweep" in result.output
    assert [path.name for path in tmp_path.iterdir()] == ["choice.jsonl"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("moon",), "experiment 'moon' is unknown"),
        (("choice", "--card", "absent.json"), "has no place for cards"),
        (("phase", "--card", "absent.json"), "no file absent.json"),
        (("choice", "--workers", "0"), "workers is 0"),
        (("choice", "--dask", "nonsense://1"), "no Dask scheduler answers"),
        (("choice", "--worlds", "0"), "greater than or equal to 1"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(arguments, message, tmp_path):
    result = run(*arguments, "--output-dir", tmp_path)
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())


def test_simulate_needs_no_torch():
    code = """
import sys
from importlib.abc import MetaPathFinder

class NoTorch(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] in ("torch", "transformers"):
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, NoTorch())
from typer.testing import CliRunner
from realmodel.cli import app
assert CliRunner().invoke(app, ["simulate"]).exit_code == 0
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_run_prints_ranges_and_the_table_on_request(tmp_path):
    arguments = ("noise_amplification", "--worlds", 1, "--workers", 1, "--output-dir", tmp_path)
    short = run(*arguments).stdout
    whole = run(*arguments, "--verbose").stdout
    assert "everywhere" in short or " to " in short
    assert len(short.splitlines()) < len(whole.splitlines())
