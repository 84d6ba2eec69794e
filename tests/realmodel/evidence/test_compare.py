import json
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from realmodel.cli import app
from realmodel.datasets import read_examples
from realmodel.evidence import CompareOptions, Task, compare, scored
from realmodel.evidence.baselines import BASELINES, Context, context, pilot
from realmodel.evidence.comparison import score_all
from realmodel.evidence.examples import task_examples
from realmodel.evidence.pool import candidates
from realmodel.evidence.realised import realise
from realmodel.evidence.run_store import RunStore
from realmodel.finetuning import FinetuneOptions
from realmodel.finetuning.loss import heldout_loss
from realmodel.measure.gauss_newton import CurvatureOptions
from realmodel.model.batches import encode, padding_id
from realmodel.model.checkpoint import load_checkpoint
from realmodel.model.modules import find_modules
from tests.realmodel.handmade_card import save_task
from theory import InputError

OPTIONS = CompareOptions(
    sizes=(2,),
    placements=3,
    seeds=2,
    training_samples=20,
    heldout_samples=8,
    max_length=64,
    exact_curvature=True,
    curvature=CurvatureOptions(directions=1, damping=0.1, curvature_samples=4),
    finetune=FinetuneOptions(rank=2, alpha=4.0, learning_rate=2e-2, steps=2, batch_size=4),
)


@pytest.fixture
def run(gpt2, examples, tmp_path):
    task = Task.from_examples("things", gpt2, examples[:22], examples[22:], OPTIONS)

    def call(options=OPTIONS, **more):
        return compare(gpt2, task, find_modules(gpt2.model), options, tmp_path / "runs", **more)

    return call


@pytest.fixture
def gpt2_half(folders):
    return load_checkpoint(folders["gpt2"], dtype="bfloat16")


class KilledError(Exception):
    pass


def test_a_comparison_that_is_killed_twice_ends_like_one_that_was_not(run, tmp_path):
    done = []

    def kill_at(stage, number):
        def progress(name, finished, total):
            done.append((name, finished, total))
            if (name, finished) == (stage, number):
                raise KilledError

        return progress

    for stage, number in (("fine-tuning", 5), ("scores", 3)):
        with pytest.raises(KilledError):
            run(progress=kill_at(stage, number))
    finished_files = {p.name: p.stat().st_mtime_ns for p in (tmp_path / "runs").glob("run-*")}
    assert len(finished_files) == 2 * (3 + 3 + 1)
    result = run()
    for path in (tmp_path / "runs").glob("run-*"):
        assert finished_files.get(path.name, path.stat().st_mtime_ns) == path.stat().st_mtime_ns
    record = result.to_dict()
    written = json.dumps(record, allow_nan=False, sort_keys=True)
    assert json.dumps(json.loads(written), sort_keys=True) == written  # no key that JSON changes
    assert {s["name"] for s in record["summaries"]} == set(BASELINES) - {"pilot", "trials"}
    assert len(record["left_out"]) == 2
    assert all("too few for a pilot" in why for why in record["left_out"].values())
    for summary in record["summaries"]:
        for size in summary["sizes"]:
            assert size["regret"] >= 0
            assert len(size["pick"]) == size["size"] == 2
    assert set(record["predictions"]) == {
        "joint-gain-greedy",
        "joint-gain-exact",
        "tangent-quadratic",
        "tangent-start",
    }
    for rows in record["predictions"].values():
        assert [row["role"] for row in rows] == ["all", *["pool"] * 3, *["single"] * 3]
        for row in rows:
            assert row["sum"] > 0
            assert row["signed_lower"] <= row["joint"] * (1 + 1e-9)
    labels = {row["label"] for row in record["runs"]}
    assert {"first-2", "all-layers", "layer-0", "layer-2"} <= labels
    text = result.to_markdown()
    for baseline in BASELINES.values():
        assert baseline.title in text  # the pilot as left out
    again = run()
    assert again.to_dict() == result.to_dict()


def test_the_pilot_is_trained_once_and_costs_each_of_its_scores(gpt2_folder, tmp_path, monkeypatch):
    checkpoint = load_checkpoint(gpt2_folder)
    rows = read_examples(save_task(tmp_path / "task.jsonl", count=80))
    encoded = encode(rows, checkpoint.tokenizer, max_length=32)
    task, table = Task("things", encoded, encoded[:8]), find_modules(checkpoint.model)
    options = replace(OPTIONS, exact_curvature=False)
    now, trained = 0.0, []

    def takes(seconds, module, name):
        true = getattr(module, name)

        def timed(*given, **more):
            nonlocal now
            now += seconds
            trained.append(name)
            return true(*given, **more)

        monkeypatch.setattr(module, name, timed)

    takes(1000.0, context, "one_pass")
    takes(100.0, context, "make_pilot")
    takes(10.0, pilot, "make_trials")
    for module in (context, scored):
        monkeypatch.setattr(module, "clock_of", lambda device: lambda: now)

    def costs(*names):
        folder = tmp_path / "-".join(names)
        folder.mkdir()
        found, left_out = score_all(
            Context(checkpoint, table, task.training, options, folder),
            {},
            candidates(table.layers, options),
            set(BASELINES) - set(names),
            lambda stage, done, total: None,
        )
        assert len(left_out) == len(BASELINES) - len(names)
        return {one.baseline.name: one.seconds for one in found}

    both = costs("pilot", "trials")
    assert trained == ["one_pass", "make_pilot", "make_trials"]
    assert both == costs("pilot") | costs("trials") == {"pilot": 1100.0, "trials": 1110.0}


def test_nothing_is_measured_for_scores_that_need_nothing_or_are_kept(run, monkeypatch):
    options = replace(OPTIONS, seeds=1, exact_curvature=False)
    passes = []
    true = context.one_pass
    monkeypatch.setattr(context, "one_pass", lambda *a, **k: passes.append(1) or true(*a, **k))

    def left_out(*needs):
        return [name for name, baseline in BASELINES.items() if baseline.need not in needs]

    first = run(options, without=left_out("nothing"))
    assert {s.name for s in first.summaries} == {
        "random", "first-k", "last-k", "middle-k", "uniform-k"
    }  # fmt: skip
    assert not passes
    run(options, without=left_out("nothing", "statistics"))
    assert len(passes) == 1
    again = run(options, without=left_out("nothing", "statistics"))
    assert len(passes) == 1
    assert len(again.summaries) > len(first.summaries)
    # The exact curvature needs the sequences in groups, which the others do not keep.
    exact = run(replace(options, exact_curvature=True), without=left_out("quadratic"))
    assert len(passes) == 2
    assert {s.name for s in exact.summaries} == set(BASELINES) - set(left_out("quadratic"))


def test_runs_of_another_protocol_are_refused(run):
    with pytest.raises(KilledError):
        run(progress=stop)
    other = replace(OPTIONS, finetune=replace(OPTIONS.finetune, steps=3))
    with pytest.raises(InputError, match=r"holds runs with finetune .*use another folder"):
        run(other)


def test_measurements_of_other_options_are_taken_anew(gpt2, examples, tmp_path):
    """What is kept from a run without the exact curvature is not what that one starts from."""
    task = Task.from_examples("things", gpt2, examples[:22], examples[22:], OPTIONS)
    other = Task.from_examples("things", gpt2, examples[:18], examples[22:], OPTIONS)
    table, plain = find_modules(gpt2.model), replace(OPTIONS, exact_curvature=False)

    def taken(options, of=task):
        return Context(gpt2, table, of.training, options, tmp_path).statistics

    groups = [taken(options).options.groups for options in (plain, plain, OPTIONS, OPTIONS, plain)]
    assert groups == [1, 1, 4, 4, 4]
    path = tmp_path / "statistics.safetensors"
    kept = path.stat().st_mtime_ns
    taken(plain)
    assert path.stat().st_mtime_ns == kept
    assert len(taken(plain, other).row_tokens) == 18
    assert path.stat().st_mtime_ns != kept


def test_runs_in_another_arithmetic_are_refused(gpt2, gpt2_half, run, tmp_path):
    with pytest.raises(KilledError):
        run(progress=stop)
    with pytest.raises(InputError, match="holds runs with arithmetic 'float32', not 'bfloat16'"):
        run(trained=gpt2_half)
    path = tmp_path / "runs/protocol.json"
    record = json.loads(path.read_text())
    del record["arithmetic"]  # as folders of before it was kept
    path.write_text(json.dumps(record))
    with pytest.raises(KilledError):
        run(progress=stop)


def test_a_damaged_run_is_named(run, tmp_path):
    with pytest.raises(KilledError):
        run(progress=stop)
    path = next((tmp_path / "runs").glob("run-*"))
    path.write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match=rf"{path.name}' is not a finished run"):
        run()


def test_what_was_trained_is_compared_without_another_run(run, tmp_path):
    options = replace(OPTIONS, seeds=1, exact_curvature=False)
    with pytest.raises(InputError, match="holds no finished run"):
        run(options, train=False)

    def after_six(stage, done, total):
        if done == 6:
            raise KilledError

    with pytest.raises(KilledError):
        run(options, progress=after_six)
    before = sorted(path.name for path in (tmp_path / "runs").glob("run-*"))
    assert len(before) == 6
    result = run(replace(options, seeds=2), train=False, without=["random"])
    assert sorted(path.name for path in (tmp_path / "runs").glob("run-*")) == before
    assert "random" not in {summary.name for summary in result.summaries}
    assert result.left_out["Random"] == "not asked for"
    assert "Gauss-Newton curvature" in result.left_out["Sum of single gains (ours)"]
    assert (2,) in result.untrained
    assert {len(row["layers"]) for row in result.runs} == {1, 2, 3}
    assert "Not fine-tuned: " in result.to_markdown()
    with pytest.raises(InputError, match="there is no score 'luck': choose among random"):
        run(options, train=False, without=["luck"])


def test_what_a_run_forgets_is_measured_even_of_runs_that_are_done(gpt2, examples, tmp_path):
    options = replace(OPTIONS, seeds=1)
    table = find_modules(gpt2.model)
    store = RunStore(tmp_path, {})
    task = Task.from_examples(
        "things", gpt2, examples[:20], examples[20:], options, other=examples[5:9]
    )
    assert len(task.other) == 4

    def go(on):
        realise(gpt2, on, table, [(0,)], options, store)
        return store.read((0,), 0)

    plain = go(replace(task, other=()))
    assert plain["forgetting"] is None
    first = go(task)
    assert first["gain"] == plain["gain"]
    told = first["forgetting"]
    pad_id = padding_id(gpt2.tokenizer)
    assert told["before"] == heldout_loss(gpt2.model, task.other, batch_size=32, pad_id=pad_id)
    assert told["forgotten"] == told["after"] - told["before"] != 0
    assert go(task) == first


def stop(stage, done, total):
    raise KilledError


def test_heldout_prompts_are_not_trained_on(gpt2, examples):
    task = Task.from_examples("things", gpt2, examples[:20], examples, OPTIONS)
    trained = {row.id for row in task.training}
    assert not trained & {row.id for row in task.heldout}
    with pytest.raises(InputError, match="every held-out prompt is also trained on"):
        Task.from_examples("things", gpt2, examples, examples, OPTIONS)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seeds": 0}, "seeds must be positive, got 0"),
    ],
)
def test_bad_options_are_refused(change, message):
    with pytest.raises(InputError, match=message):
        replace(OPTIONS, **change)


def test_a_model_without_data_is_refused_and_a_demo_model_has_its_own():
    with pytest.raises(InputError, match="model 'some/model' needs data"):
        task_examples("some/model", None, None, OPTIONS)
    name, training, heldout = task_examples("demo:gpt2", None, None, OPTIONS)
    assert name == "demo"
    assert len(training) == 20
    assert len(heldout) == 32


def test_the_command_writes_both_forms(folders, data_file, tmp_path):
    out = tmp_path / "out"
    arguments = ["compare", "--model", str(folders["gpt2"]), "--data", str(data_file)]
    arguments += ["--sizes", "1,2", "--placements", "3", "--seeds", "1", "--steps", "1"]
    arguments += ["--rank", "2", "--batch-size", "4", "--directions", "1"]
    arguments += ["--output-dir", str(out), "--json"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == json.loads((out / "comparison.json").read_text())
    assert "| score |" in (out / "comparison.md").read_text()
    done = CliRunner().invoke(app, [*arguments[:5], "--sizes", "7"])
    assert done.exit_code == 2
    assert "a placement of 7 layers does not fit a model of 3" in " ".join(done.stderr.split())
