"""From a card to a placement to a run: one protocol, and an adapter that peft loads."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from peft import PeftModel
from transformers import AutoModelForCausalLM
from typer.testing import CliRunner, Result

from realmodel.card import LayerCard
from realmodel.cli import app
from realmodel.datasets import Example
from realmodel.finetuning import FinetuneOptions, finetune, target_modules
from realmodel.finetuning.loss import heldout_loss
from realmodel.model.adapter import adapted
from realmodel.model.checkpoint import load_checkpoint
from realmodel.model.peft_adapters import trainable_modules
from theory import InputError

RUN = FinetuneOptions(rank=2, alpha=6.0, learning_rate=0.02, steps=4, batch_size=4)
WORDS = (
    *("--learning-rate", 0.02, "--steps", 4, "--train-batch-size", 4, "--rank", 2, "--alpha", 6),
)


def done(*words: object) -> Result:
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    return result


def refused(message: str, *words: object) -> None:
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == 2, result.output
    assert message in " ".join(result.stderr.split())
    assert "Traceback" not in result.output


@pytest.fixture(scope="module")
def home(
    folders: dict[str, Path], examples: list[Example], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A card of a run that is not the default one, and two placements from it."""
    home = tmp_path_factory.mktemp("home")
    lines = [json.dumps({"prompt": row.prompt, "completion": row.completion}) for row in examples]
    (home / "rows.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    measured = done(
        *("card", "--model", folders["gpt2"], "--data", home / "rows.jsonl", *WORDS),
        *("--directions", 1, "--no-calibrate", "--output-dir", home / "card"),
    )
    assert "planned run: 4 Adam steps of 4 sequences at learning rate 0.02, rank 2" in (
        measured.stderr
    )
    card = home / "card" / "card.json"
    done("place", card, "--budget", 2, "--output-dir", home / "place")
    done("place", card, "--budget", 2, "--rank-allocation", "--output-dir", home / "ranks")
    return home


def test_the_protocol_travels_from_the_card_to_the_run(home: Path, tmp_path: Path) -> None:
    card = LayerCard.load(home / "card" / "card.json")
    assert card.protocol == RUN
    placed = json.loads((home / "place" / "placement.json").read_text())
    assert FinetuneOptions.from_planned(placed["protocol"]) == RUN
    words = ("finetune", "--placement", home / "place" / "placement.json")
    words = (*words, "--data", home / "rows.jsonl", "--no-latency")
    result = done(*words, "--output-dir", tmp_path, "--json")
    record = json.loads(result.stdout)
    assert record == json.loads((tmp_path / "finetune.json").read_text())
    (run,) = record["runs"]
    assert run["options"] == RUN.to_dict()
    assert run["layers"] == placed["placement"]["layers"]
    assert run["modules"] == placed["lora_config"]["target_modules"]
    assert record["predicted"]["gain"] == placed["placement"]["gain"]
    assert record["predicted"]["not_comparable"] is None
    done(
        *("card", "--card", home / "card" / "card.json", "--output-dir", tmp_path / "with"),
        *("--finetuned", tmp_path / "finetune.json"),
    )
    (row,) = LayerCard.load(tmp_path / "with" / "card.json").measured
    assert row["not_comparable"] is None
    assert row["predicted_gain"] == pytest.approx(placed["placement"]["gain"])


def test_a_prediction_beside_another_run_is_marked(home: Path, tmp_path: Path) -> None:
    words = ("finetune", "--placement", home / "place" / "placement.json")
    words = (*words, "--data", home / "rows.jsonl", "--no-latency", "--steps", 5)
    result = done(*words, "--output-dir", tmp_path)
    assert "not comparable: steps 5, not 4" in " ".join(result.stdout.split())
    marked = done(
        *("card", "--card", home / "card" / "card.json", "--output-dir", tmp_path / "with"),
        *("--finetuned", tmp_path / "finetune.json"),
    )
    assert "not comparable with the prediction, steps 5, not 4" in marked.stderr
    (row,) = LayerCard.load(tmp_path / "with" / "card.json").measured
    assert row["not_comparable"] == "steps 5, not 4"
    assert "steps 5, not 4" in (tmp_path / "with" / "card.md").read_text()
    assert "steps 5, not 4" in (tmp_path / "with" / "card.html").read_text()


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing.*:FutureWarning")  # peft's
def test_peft_loads_the_adapter_of_a_rank_allocation(
    home: Path, folders: dict[str, Path], tmp_path: Path, encoded_by: Any
) -> None:
    placed = json.loads((home / "ranks" / "placement.json").read_text())
    rows = (home / "rows.jsonl").read_text(encoding="utf-8").splitlines()
    half = len(rows) // 2
    for name, own in (("trained", rows[:half]), ("held", rows[half:])):
        (tmp_path / f"{name}.jsonl").write_text("\n".join(own) + "\n", encoding="utf-8")
    given = done(
        *("finetune", "--placement", home / "ranks" / "placement.json", "--json", "--no-latency"),
        *("--data", tmp_path / "trained.jsonl", "--heldout", tmp_path / "held.jsonl"),
        *("--output-dir", tmp_path),
    )
    (run,) = json.loads(given.stdout)["runs"]
    config = placed["lora_config"]
    assert config["rank_pattern"], "the allocation is uniform: it tests nothing"
    plain = AutoModelForCausalLM.from_pretrained(folders["gpt2"])
    model = PeftModel.from_pretrained(plain, str(tmp_path / "seed-0" / "adapter"))
    ranks = {
        name.removeprefix("base_model.model."): module.r["default"]
        for name, module in model.named_modules()
        if hasattr(module, "lora_A")
    }
    own = config["rank_pattern"]
    assert ranks == {name: own.get(name, config["r"]) for name in config["target_modules"]}
    scales = {m.scaling["default"] for m in model.modules() if hasattr(m, "lora_A")}
    assert scales == {3.0}
    encoded = encoded_by(load_checkpoint(folders["gpt2"]))[half:]
    loss = heldout_loss(model.eval(), encoded, batch_size=32, pad_id=0)
    assert loss == pytest.approx(run["loss_after"], rel=1e-5)
    assert abs(run["loss_before"] - run["loss_after"]) > 1e-3
    assert "rank 2 in every module" in str(json.loads(given.stdout)["predicted"])


def test_ranks_of_their_own_keep_the_scale(gpt2: Any, table_of: Any) -> None:
    modules = target_modules(table_of(gpt2), layers=[0])
    ranks = {modules[0].name: 5}
    with adapted(gpt2.model, modules, RUN, ranks) as model:
        assert set(trainable_modules(model)) == {module.name for module in modules}
        found = {m.r["default"]: m.scaling["default"] for m in model.modules() if hasattr(m, "r")}
    assert found == {2: 3.0, 5: 3.0}
    for bad in ({"transformer.h.1.attn.c_attn": 2}, {modules[0].name: 0}):
        with (
            pytest.raises(InputError, match="ranks are at least 1, of modules of the placement"),
            adapted(gpt2.model, modules, RUN, bad),
        ):
            pass


def test_a_saved_run_of_other_ranks_is_refused(
    gpt2: Any, table_of: Any, encoded_by: Any, tmp_path: Path
) -> None:
    encoded = encoded_by(gpt2)
    modules = target_modules(table_of(gpt2), layers=[0])
    options = replace(RUN, steps=1)
    finetune(gpt2, encoded[:8], encoded[8:], modules, options, folder=tmp_path, loss_before=1.0)
    ranks = {modules[0].name: 1}
    with pytest.raises(InputError, match="holds a run with ranks"):
        finetune(gpt2, encoded[:8], encoded[8:], modules, options, ranks=ranks, folder=tmp_path)


def change(record: dict[str, Any], where: str, value: Any) -> str:
    *path, last = where.split("/")
    inner = record
    for key in path:
        inner = inner[key]
    inner[last] = value
    return json.dumps(record)


@pytest.mark.parametrize(
    ("where", "value", "message"),
    [
        ("protocol", None, "does not say which run it plans"),
        ("protocol/steps", 10**9, "steps must be at most 1e+06, got 1e+09"),
        ("protocol/steps", 4.5, "steps must be a whole number, got 4.5"),
        ("protocol/rank", True, "rank of the protocol must be a number, got True"),
        ("protocol/alpha", "16", "alpha of the protocol must be a number, got '16'"),
        ("protocol/dropout", 0.1, "a run with dropout 0.1 cannot be trained here"),
        ("lora_config/r", -2, "is not a consistent placement"),
        ("lora_config/rank_pattern", {"x": 1}, "is not a consistent placement: at 'x'"),
        ("lora_config/target_modules", [], "is not a consistent placement: at 'no module'"),
        ("lora_config/target_modules", ["transformer.h.9.fc"], "no module 'transformer.h.9.fc'"),
        ("lora_config", 3, "is not a placement of layercard place"),
        ("placement/gain", 10**400, "too large a number"),
    ],
)
def test_an_edited_placement_is_one_sentence(
    home: Path, tmp_path: Path, where: str, value: Any, message: str
) -> None:
    record = json.loads((home / "place" / "placement.json").read_text())
    path = tmp_path / "placement.json"
    path.write_text(change(record, where, value))
    out = tmp_path / "out"
    refused(
        message,
        *("finetune", "--placement", path, "--data", home / "rows.jsonl", "--output-dir", out),
    )
    assert not out.exists()


def test_what_does_not_go_with_a_placement(home: Path) -> None:
    words = ("finetune", "--placement", home / "place" / "placement.json")
    words = (*words, "--data", home / "rows.jsonl")
    refused("leave out the other options", *words, "--layers", 1)
    refused("leave out the other options", *words, "--rank", 4)
    refused("name the checkpoint by --model", "finetune", "--data", home / "rows.jsonl")


def test_the_defaults_of_the_commands_are_the_defaults_of_the_protocol() -> None:
    from realmodel.card import CardOptions
    from realmodel.cli.protocol import BatchRunOptions, RunOptions
    from realmodel.evidence import CompareOptions

    default = FinetuneOptions()
    assert CardOptions().protocol == default
    assert CompareOptions().finetune == default
    assert RunOptions().of(default, 0) == default
    for options in (RunOptions, BatchRunOptions):
        for name, kind in get_type_hints(options, include_extras=True).items():
            (info,) = kind.__metadata__
            if name != "alpha":
                own = getattr(default, name.removeprefix("train_"))
                assert float(info.show_default) == own
    assert default.alpha == 2 * default.rank


@pytest.mark.parametrize(
    "bad",
    [
        {"steps": 1_000_000_000},
        {"steps": 10**6000},
        {"rank": 10**30},
        {"alpha": float("inf")},
        {"learning_rate": 1e308},
        {"seed": 2**70},
        {"batch_size": 2.0},
    ],
)
def test_numbers_beyond_any_run_are_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"must be (at most|a whole number)"):
        replace(RUN, **bad)


def test_the_sum_of_learning_rates_is_a_closed_form() -> None:
    for steps in (1, 2, 7, 1000):
        options = FinetuneOptions(learning_rate=0.3, steps=steps)
        assert options.time == pytest.approx(sum(map(options.rate, range(steps))), rel=1e-12)
    assert FinetuneOptions(steps=1_000_000).time == pytest.approx(500.0005)
