"""``layercard card`` and ``layercard place`` as a user runs them."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from peft import LoraConfig
from typer.testing import CliRunner, Result

from realmodel.card import LayerCard
from realmodel.cli import app


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, gpt2_folder: Path, task_file: Path) -> Path:
    home = tmp_path_factory.mktemp("card")
    checkpoint = shutil.copytree(gpt2_folder, home / "model")
    result = run(
        *("card", "--model", checkpoint, "--data", task_file, "--num-samples", 24),
        *("--rank", 2, "--no-calibrate", "--output-dir", home / "out"),
    )
    assert result.exit_code == 0, result.output
    assert "gain alone" in result.stdout
    assert "rho" not in result.stdout  # theory waits for --verbose
    assert "Adapt layers" in result.stdout
    pasted = " ".join(result.stdout.replace("\\\n", " ").split())
    assert f"layercard place {home / 'out' / 'card.json'}" in pasted
    assert "layercard finetune --placement out/place/placement.json" in pasted
    return home


def test_the_card_is_written_in_every_form(folder: Path) -> None:
    names = sorted(path.name for path in (folder / "out").iterdir())
    assert names == ["card.html", "card.json", "card.md", "modules.npz", "tangent.npz"]
    card = LayerCard.load(folder / "out" / "card.json")
    assert card.data["examples"] == 24
    assert card.data["source"].endswith("task.jsonl")


def test_place_writes_a_configuration_that_works(folder: Path, tmp_path: Path) -> None:
    result = run(
        *("place", folder / "out" / "card.json", "--objective", "time", "--budget", "75%"),
        *("--rank-allocation", "--json", "--output-dir", tmp_path),
    )
    assert result.exit_code == 0, result.output
    record: dict[str, Any] = json.loads(result.stdout)
    assert record == json.loads((tmp_path / "placement.json").read_text())
    assert LoraConfig(**record["lora_config"]).r >= 1
    assert json.loads((tmp_path / "lora_config.json").read_text()) == record["lora_config"]
    layers = {name.split(".")[2] for name in record["lora_config"]["target_modules"]}
    assert layers <= {str(layer) for layer in record["placement"]["layers"]}
    assert record["placement"]["costs"]["time_share"] <= 0.75 * (1 + 1e-9)


def test_place_prints_tables_without_the_model(folder: Path) -> None:
    card = folder / "out" / "card.json"
    result = run("place", card, "--budget", "2", "--layers", "0-1,3")
    assert result.exit_code == 0, result.output
    for words in ("placement", "runner-up", "Pareto front", "best possible placement"):
        assert words in " ".join(result.stdout.split())
    assert "exact search" not in result.stdout
    told = run("place", card, "--budget", "2", "--layers", "0-1,3", "--verbose")
    assert "exact search" in told.stdout
    assert "signed form" in " ".join(told.stdout.split())


def refused(message: str, *arguments: object) -> None:
    result = run(*arguments)
    assert result.exit_code == 2, result.output
    assert message in " ".join(result.stderr.split())
    assert "Traceback" not in result.output


def test_a_checkpoint_that_changed_since_the_card(folder: Path, tmp_path: Path) -> None:
    changed = shutil.copytree(folder / "model", tmp_path / "changed")
    weights = changed / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(bytes(content))
    card = folder / "out" / "card.json"
    refused(
        "has changed since the card was measured",
        *("place", card, "--model", changed, "--output-dir", tmp_path / "out"),
    )
    assert not (tmp_path / "out").exists()


def test_a_card_of_another_model(folder: Path, qwen3_folder: Path, tmp_path: Path) -> None:
    card = folder / "out" / "card.json"
    refused(
        "is a qwen3 model, the card was measured on",
        *("place", card, "--model", qwen3_folder, "--output-dir", tmp_path / "out"),
    )
    assert not (tmp_path / "out").exists()


def test_bad_input_to_place(folder: Path, tmp_path: Path) -> None:
    card = folder / "out" / "card.json"
    refused("admits 9 layers", "place", card, "--budget", "9")
    refused("are not on the card", "place", card, "--layers", "2-7")
    refused("write indices and ranges", "place", card, "--layers", "top")
    refused("cannot read the card", "place", tmp_path / "none.json")
    record = json.loads(card.read_text()) | {"version": 3}
    newer = tmp_path / "newer.json"
    newer.write_text(json.dumps(record))
    refused("is a card of version 3", "place", newer)
    refused("admits no layer", "place", card, "--objective", "memory", "--budget", "1B")


def test_bad_input_to_card(gpt2_folder: Path, task_file: Path, tmp_path: Path) -> None:
    out = ("--output-dir", tmp_path / "out")
    refused(
        "'./nowhere' is not a folder", "card", "--model", "./nowhere", "--data", task_file, *out
    )
    refused("none.jsonl", "card", "--model", gpt2_folder, "--data", tmp_path / "none.jsonl", *out)
    refused(
        "window is 2",
        *("card", "--model", gpt2_folder, "--data", task_file, "--max-length", 2, *out),
    )
    refused(
        "matches no linear map",
        *("card", "--model", gpt2_folder, "--data", task_file, "--modules", "q_proj", *out),
    )
    assert not (tmp_path / "out").exists()


def test_an_estimate_runs_nothing(gpt2_folder: Path, task_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = run(
        *("card", "--model", gpt2_folder, "--data", task_file, "--exact-curvature"),
        *("--estimate", "--json", "--interval", "1-2", "--output-dir", out),
    )
    assert result.exit_code == 0, result.output
    stages = json.loads(result.stdout)["stages"]
    names = [stage["stage"] for stage in stages]
    assert names == ["one pass", "costs", "profiles", "exact curvature", "intervals", "writing"]
    assert all(stage["seconds"] > 0 and stage["memory"] > 0 for stage in stages)
    assert not out.exists()


def test_an_estimate_recommends_partitions_where_memory_is_short(
    gpt2_folder: Path, task_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tiny model's sums are about 200 kB; free is the rest of its stage and half of them."""
    words = ("card", "--model", gpt2_folder, "--data", task_file, "--estimate", "--json")
    found = json.loads(run(*words).stdout)
    assert found["partitions"] is None
    stage = found["stages"][0]
    for share, expected in ((0.6, (2, 3, 4)), (0.0, (None,))):
        free = stage["memory"] - stage["host"] + int(share * stage["host"])
        monkeypatch.setattr(
            "realmodel.runs.host_memory.host_memory", lambda free=free: (free, free)
        )
        result = run(*words)
        assert json.loads(result.stdout)["partitions"] in expected
    shown = run(*words[:-1])
    assert "too few for one layer" in " ".join(shown.output.split())


def finetuned(card: LayerCard, digest: str, seed: int, gain: float) -> dict[str, Any]:
    return {
        "model": "tiny",
        "model_digest": digest,
        "layers": [1, 2],
        "options": {"rank": 2, "seed": seed},
        "loss_before": 3.0,
        "loss_after": 3.0 - gain,
        "gain": gain,
        "tokens_per_second": 100.0,
        "peak_memory_bytes": 1000,
        "adapter_bytes": 64,
        "latency": {"base_ms": 1.0, "adapted_ms": 1.2, "overhead": 0.2},
        "generation": None,
    }


def test_fine_tuning_results_go_onto_the_card(folder: Path, tmp_path: Path) -> None:
    path = folder / "out" / "card.json"
    card = LayerCard.load(path)
    runs = [
        finetuned(card, card.model["digest"], seed, gain) for seed, gain in enumerate((0.2, 0.4))
    ]
    result_file = tmp_path / "finetune.json"
    result_file.write_text(json.dumps({"runs": runs}))
    result = run("card", "--card", path, "--finetuned", result_file, "--output-dir", tmp_path)
    assert result.exit_code == 0, result.output
    (row,) = LayerCard.load(tmp_path / "card.json").measured
    assert row["gain"] == pytest.approx(0.3)
    assert row["gain_error"] == pytest.approx(0.1)
    assert row["predicted_gain"] == pytest.approx(card.predictor().quadratic.gain([1, 2]))
    assert "Measured by fine-tuning" in (tmp_path / "card.html").read_text()
    result_file.write_text(json.dumps({"runs": [finetuned(card, "sha256:other", 0, 0.1)]}))
    idle = run("card", "--card", path, "--trials", "4", "--output-dir", tmp_path / "idle")
    assert idle.exit_code == 2
    assert "--trials has no meaning with --card, which measures nothing" in idle.output
    assert not (tmp_path / "idle").exists()
    again = ("card", "--card", path, "--finetuned", result_file, "--output-dir", tmp_path / "no")
    refused("the card is of", *again)
    result_file.write_text("{}")
    refused("is not a fine-tuning result", *again)
    refused("pass --model and --data", "card", "--model", "x")
    assert not (tmp_path / "no").exists()


def test_intervals_of_whole_layers_go_onto_the_card(
    gpt2_folder: Path, task_file: Path, tmp_path: Path
) -> None:
    words = ("card", "--model", gpt2_folder, "--data", task_file, "--num-samples", 24)
    words = (*words, "--rank", 2, "--no-calibrate", "--tangent-samples", 5)
    chosen = ("--interval", "1-2", "--interval", 3, "--interval-products", 3)
    result = run(*words, *chosen, "--verbose", "--output-dir", tmp_path)
    assert result.exit_code == 0, result.output
    card = LayerCard.load(tmp_path / "card.json")
    assert card.gauss_newton is None
    assert card.predictor().protocol["sequences"] == 5
    assert [interval["layers"] for interval in card.intervals] == [[1, 2], [3]]
    for interval in card.intervals:
        assert 0 < interval["lower"] <= interval["upper"]
        assert interval["standard_error"] > 0
        assert interval["products"] == 3
    both, one = card.intervals
    assert both["upper"] > one["lower"]
    assert "every weight of layers 1, 2 free" in result.stdout.replace("\n", " ").replace("  ", " ")
    bad = run(*words, "--interval", "9", "--output-dir", tmp_path / "bad")
    assert bad.exit_code == 2
    assert "[9] hold no measured module" in bad.output.replace("\n", " ")
    assert not (tmp_path / "bad").exists()
