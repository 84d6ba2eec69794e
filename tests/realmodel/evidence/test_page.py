"""The evidence page's tables are what its records give, and the tables say what records hold."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import spearmanr
from typer.testing import CliRunner

from realmodel.evidence.page import TABLES, application, with_tables

DOCS = Path(__file__).resolve().parents[3] / "docs"
PAGE = DOCS / "evidence.md"


def test_the_page_says_what_its_records_give() -> None:
    assert with_tables(PAGE) == PAGE.read_text()


def test_every_table_stands_on_the_page() -> None:
    text = PAGE.read_text()
    # The table of two rates stands where a task was run at a second one.
    apart = list(DOCS.glob("evidence/smollm2-*-lr*.json"))
    wanted = TABLES.keys() if apart else TABLES.keys() - {"rates"}
    assert all(f"<!-- table: {name} -->" in text for name in wanted)


def test_the_records_are_small() -> None:
    assert sum(path.stat().st_size for path in (DOCS / "evidence").rglob("*.*")) < 10_000_000


def run(label: str, role: str, layers: list[int], gain: float, seed: int = 0) -> dict[str, Any]:
    return {"label": label, "role": role, "layers": layers, "gain": gain, "seed": seed}


def summary(name: str, spearman: float, pick_gain: float | None, **more: Any) -> dict[str, Any]:
    regret = None if pick_gain is None else (0.8 - pick_gain) / 2.0
    agreement = {"spearman": spearman, "over_seeds": None, "over_placements": None, "reason": ""}
    size = {"size": 2, "placements": agreement, "pick": [0, 3], "pick_gain": pick_gain}
    return {
        "name": name,
        "title": name.title(),
        "sizes": [size | {"regret": None, "regret_share": regret}],
        "all_sizes": agreement | {"spearman": spearman / 2},
        "single_layers": agreement,
        "forecast": None,
        "seconds": 3.0,
    } | more


@pytest.fixture
def page(tmp_path: Path) -> Path:
    told = {"ratio": 1.0, "ratio_by_size": {"2": 0.5, "4": 1.5}, "close": 0.95, "covered": None}
    runs = [
        run("all-layers", "all", [0, 1, 2, 3], 2.0),
        run("uniform-2", "pool", [0, 2], 0.5),
        run("first-2", "pool", [0, 1], 0.2),
        run("random-04 of 2", "pool", [1, 2], 0.4),
        run("random-05 of 2", "pool", [1, 3], 0.8) | {"forgetting": told_of(0.3)},
        run("uniform-2", "pool", [0, 2], 0.45, seed=1),
        run("first-2", "pool", [0, 1], 0.6, seed=1),
        run("random-04 of 2", "pool", [1, 2], 0.1, seed=1),
    ]
    record = {
        "version": 2,
        "model": "m",
        "task": "e2e",
        "options": {"sizes": [2], "finetune": {"learning_rate": 0.003}},
        "loss_before": 3.0,
        "all_gain": 2.0,
        "runs": runs,
        "summaries": [
            summary("uniform-k", 0.25, 0.5),
            summary("tangent-start", 0.9, 0.78, forecast=told),
            summary("untrained", 0.5, None),
        ],
    }
    folder = tmp_path / "evidence"
    folder.mkdir()
    (folder / "smollm2-e2e.json").write_text(json.dumps(record))
    slower = {"sizes": [2], "finetune": {"learning_rate": 0.001}}
    apart = {
        "task": "e2e-lr0.001",
        "options": slower,
        "summaries": [summary("uniform-k", 0.75, 0.1)],
    }
    (folder / "smollm2-e2e-lr0.001.json").write_text(json.dumps(record | apart))
    blocks = [f"<!-- table: {name} -->\nold\n<!-- end -->" for name in TABLES]
    path = tmp_path / "page.md"
    path.write_text("\n\n".join(["before", *blocks, "after\n"]))
    return path


def told_of(rise: float) -> dict[str, Any]:
    return {"before": 1.0, "after": 1.0 + rise, "forgotten": rise, "data": "d"}


def test_tables_from_a_record_made_by_hand(page: Path) -> None:
    done = CliRunner().invoke(application, [str(page)])
    assert done.exit_code == 0, done.output
    text = page.read_text()
    assert "old" not in text
    lines = text.splitlines()
    # random: 0.4 and 0.8 of 2.0; uniform 0.5, first 0.2; the pick 0.78.
    assert "| E2E | 2 | 30 (20 to 40) | 25 | - | 10 | - | 40 | 39 |" in lines
    scores = lines[lines.index("<!-- table: scores -->") :]
    assert [line.split(" | ")[0] for line in scores[4:7]] == [
        "| Tangent-Start",
        "| Untrained",
        "| Uniform-K",
    ]
    assert "| Tangent-Start | 0.90 | 0.45 | 1.0 | 1 of 1 | 3 |" in lines
    assert "| Untrained | 0.50 | 0.25 | - | - | 3 |" in lines
    # Reached: the correlation within the size, the regret and the share; no interval is given.
    cells = [
        "Tangent-Start",
        "E2E",
        "0.90",
        "0.45",
        "1.0",
        "2: 0.50, 4: 1.50",
        "95%",
        "-",
        "3 of 5",
    ]
    assert f"| {' | '.join(cells)} |" in lines
    both = np.array([[0.5, 0.45], [0.2, 0.6], [0.4, 0.1]])
    agree, apart = spearmanr(*both.T).statistic, np.abs(both[:, 0] - both[:, 1]).mean() / 2
    assert f"| E2E | 2 | 3 | {agree:.2f} | - | - | {100 * apart:.1f} |" in lines
    assert "| E2E | random-05 of 2 | 0.800 | 1.000 | +0.300 |" in lines
    assert "| score | E2E, 2 layers, at 0.003 | E2E, 2 layers, at 0.001 |" in lines
    assert "| Uniform-K | 0.25 | 0.75 |" in lines
    assert with_tables(page) == text


def test_bad_input(page: Path, tmp_path: Path) -> None:
    page.write_text("<!-- table: nonsense -->\n<!-- end -->")
    done = CliRunner().invoke(application, [str(page)])
    assert done.exit_code == 2
    assert "no table 'nonsense'" in done.output
    lonely = tmp_path / "lonely" / "page.md"
    lonely.parent.mkdir()
    for text, message in ((None, "cannot be read"), ("", "there is no smollm2-TASK.json")):
        if text is not None:
            lonely.write_text(text)
        done = CliRunner().invoke(application, [str(lonely)])
        assert done.exit_code == 2
        assert message in done.output
