import json

import pytest
from typer.testing import CliRunner

from realmodel.cli import app


@pytest.fixture
def command(folders, data_file):
    def call(*more):
        arguments = ["finetune", "--model", str(folders["gpt2"]), "--data", str(data_file)]
        arguments += ["--steps", "3", "--rank", "2", "--batch-size", "4", *more]
        return CliRunner().invoke(app, arguments)

    return call


def test_two_seeds_with_generation_are_written_and_printed(command, tmp_path):
    out = tmp_path / "out"
    done = command(
        *("--layers", "0,2", "--seeds", "2", "--generate", "3", "--max-new-tokens", "4"),
        *("--output-dir", str(out), "--json"),
    )
    assert done.exit_code == 0, done.output
    printed = json.loads(done.stdout)
    assert printed == json.loads((out / "finetune.json").read_text())
    assert [r["options"]["seed"] for r in printed["runs"]] == [0, 1]
    for run in printed["runs"]:
        assert run["layers"] == [0, 2]
        assert run["generation"]["prompts"] == 3
        assert run["latency"]["adapted_ms"] > 0
    assert (out / "seed-1" / "run.json").exists()


def test_a_table_without_json(command):
    done = command("--no-latency")
    assert done.exit_code == 0, done.output
    assert "tokens/s" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--layers", "0,7"), "layer 7 is out of range: the model has layers 0 to 2"),
        (("--layers", "zero"), "layers 'zero': write indices and ranges"),
        (("--modules", "transformer.h.9.attn.c_attn"), "no module 'transformer.h.9.attn.c_attn'"),
        (("--rank", "0"), "rank must be positive, got 0"),
        (("--learning-rate", "-1"), "learning rate must be positive, got -1"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(command, arguments, message):
    done = command(*arguments)
    assert done.exit_code == 2
    assert message in " ".join(done.stderr.split())
    assert done.stdout == ""


def test_heldout_prompts_that_are_trained_on_are_left_out(command, data_file, tmp_path):
    done = command("--heldout", str(data_file))
    assert done.exit_code == 2
    said = " ".join(done.stderr.split())
    assert "every held-out prompt is also trained on; give other held-out data" in said
    more = tmp_path / "more.jsonl"
    fresh = json.dumps(
        {"prompt": "colour : grey | thing : cat\n", "completion": "The cat is grey."}
    )
    more.write_text(data_file.read_text() + fresh + "\n")
    done = command("--heldout", str(more), "--no-latency", "--layers", "0")
    assert done.exit_code == 0, done.output
    assert "30 held-out examples left out: their prompts are trained on" in done.stderr
