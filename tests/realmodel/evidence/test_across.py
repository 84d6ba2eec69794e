"""Tables over several comparisons, from small ones written by hand."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from realmodel.evidence.across import (
    application,
    noise_ceiling,
    seed_agreement,
    single_run_agreement,
)


def comparison(spearman: dict[str, float]) -> dict[str, Any]:
    summaries = [
        {
            "title": title,
            "placements": {"spearman": value},
            "single_layers": {"spearman": -value},
            "regret_share": (1 - value) / 10,
        }
        for title, value in spearman.items()
    ]
    gains = {"first-k": (0.1, 0.2), "random-1": (0.3, 0.1), "random-22": (0.5, 0.6)}
    runs = [
        {"label": label, "layers": [len(label)], "seed": seed, "gain": gain}
        for label, both in gains.items()
        for seed, gain in enumerate(both)
    ]
    runs += [
        {"label": "pick of x", "layers": [0], "seed": seed, "gain": 9.0 * seed} for seed in (0, 1)
    ]
    return {"summaries": summaries, "runs": runs, "loss_before": 5.0, "all_gain": 0.75}


def with_roles(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [run | {"role": "pick" if "pick" in run["label"] else "pool"} for run in runs]


def written(folder: Path, name: str, record: object) -> str:
    path = folder / f"{name}.json"
    path.write_text(json.dumps(record))
    return str(path)


def test_means_and_order(tmp_path: Path) -> None:
    files = [
        written(tmp_path, "one", comparison({"a": 0.2, "b": 0.5})),
        written(tmp_path, "two", comparison({"a": 0.4, "b": 0.9})),
    ]
    result = CliRunner().invoke(application, files)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[2:6] == [
        "| score | one | two | mean |",
        "| --- | --- | --- | --- |",
        "| b | 0.50 | 0.90 | 0.70 |",
        "| a | 0.20 | 0.40 | 0.30 |",
    ]
    assert "| a | -0.20 | -0.40 | -0.30 |" in lines
    assert "| b | 5.0 | 1.0 | 3.0 |" in lines
    assert "| one | 5.00 | 0.750 | 2 | 0.50 | 0.50 |" in lines  # ranks 1 2 3 and 2 1 3


def test_one_seed_has_nothing_to_agree_with() -> None:
    runs = with_roles([run for run in comparison({"a": 0.0})["runs"] if run["seed"] == 0])
    assert seed_agreement(runs) is None
    assert single_run_agreement(runs) is None


def test_a_single_run_is_set_against_the_mean_of_the_others() -> None:
    runs = comparison({"a": 0.0})["runs"]
    third = {"first-k": 0.9, "random-1": 0.1, "random-22": 0.2}
    runs += [
        {"label": label, "layers": [len(label)], "seed": 2, "gain": gain}
        for label, gain in third.items()
    ]
    runs = with_roles(runs)
    # Ranks of the seeds: 1 2 3, 2 1 3, 3 1 2; of the means of the others: 3 1 2, 3 1 2, 1 2 3.
    expected = [-0.5, 0.5, -0.5]
    assert single_run_agreement(runs) == pytest.approx(sum(expected) / 3)


@pytest.mark.parametrize("noise", [0.1, 1.0, 3.0])
def test_the_noise_ceiling_is_the_correlation_of_the_expected_gains(noise: float) -> None:
    # Orthonormal and centred: sample correlations are then those of the model.
    draws = np.random.default_rng(0).normal(size=(12, 4))
    basis = np.linalg.qr(np.column_stack([np.ones(12), draws]))[0]
    expected, first, second = basis[:, 1], *(basis[:, 1] + noise * basis[:, at] for at in (2, 3))
    between = np.corrcoef(first, second)[0, 1]
    for seeds, mean in ((1, first), (2, (first + second) / 2)):
        found = noise_ceiling(between, seeds)
        assert found == pytest.approx(np.corrcoef(expected, mean)[0, 1], rel=1e-12)
    assert noise_ceiling(-0.1, 2) is None
    assert noise_ceiling(None, 2) is None


def test_bad_input(tmp_path: Path) -> None:
    good = written(tmp_path, "good", comparison({"a": 0.2}))
    other = written(tmp_path, "other", comparison({"b": 0.2}))
    cut = written(tmp_path, "cut", {"runs": []})
    for files, message in (
        ([good, other], "same scores"),
        ([cut], "is not a comparison.json"),
        ([good, good], "different names"),
        ([str(tmp_path / "absent.json")], "absent.json"),
    ):
        result = CliRunner().invoke(application, files)
        assert result.exit_code == 2
        assert message in result.output


@pytest.mark.parametrize("pair", ["gpt2-mini-e2e", "demo-qwen3-demo"])
def test_the_recorded_evidence_is_readable(pair: str) -> None:
    path = Path(__file__).resolve().parents[3] / "docs" / "evidence" / f"{pair}.json"
    result = CliRunner().invoke(application, [str(path)])
    assert result.exit_code == 0, result.output
    assert "Tangent quadratic at the start (ours)" in result.stdout
    assert "all sizes together" not in result.stdout  # the first version had one size
