"""``python -m realmodel.evidence.across FILE ...``: tables over several comparisons."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from scipy.stats import spearmanr

from realmodel.runs.console import stderr, stdout
from theory import InputError
from theory.arrays import Array, Float64
from theory.read_json import read_json

TABLES: tuple[tuple[str, str, Callable[[dict[str, Any]], float], bool], ...] = (
    (
        "Spearman correlation with the realised gain over the placements",
        ".2f",
        lambda row: row["placements"]["spearman"],
        True,
    ),
    ("Over the single layers", ".2f", lambda row: row["single_layers"]["spearman"], True),
    (
        "Regret of the pick, percent of the all-layer gain",
        ".1f",
        lambda row: 100 * row["regret_share"],
        False,
    ),
)
"""Title, format, value of a score's summary, and whether the largest mean stands first."""

application = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


def read(path: Path) -> dict[str, Any]:
    """One comparison.

    Raises
    ------
    InputError
        When it is missing, or is no comparison.
    """
    try:
        record = read_json(path, "comparison.json")
        return {key: record[key] for key in ("summaries", "runs", "loss_before", "all_gain")}
    except (KeyError, TypeError) as error:
        raise InputError(f"{str(path)!r} is not a comparison.json: {error!r}") from error


def across(comparisons: dict[str, dict[str, Any]]) -> str:
    """Markdown: one table for each measure, a column for each comparison, and how far seeds agree.

    Raises
    ------
    InputError
        When the comparisons hold different scores.
    """
    scores = [{row["title"]: row for row in one["summaries"]} for one in comparisons.values()]
    if not scores or any(set(rows) != set(scores[0]) for rows in scores):
        raise InputError("the comparisons do not hold the same scores: compare again, all of them")
    parts: list[str] = []
    for title, form, value, largest_first in TABLES:
        rows = [(name, [value(of[name]) for of in scores]) for name in scores[0]]
        rows.sort(key=lambda row: float(np.mean(row[1])), reverse=largest_first)
        cells = [[name, *(format(x, form) for x in [*xs, float(np.mean(xs))])] for name, xs in rows]
        parts += [f"{title}:", "", *_table(["score", *comparisons, "mean"], cells), ""]
    agree = [
        [
            name,
            f"{one['loss_before']:.2f}",
            f"{one['all_gain']:.3f}",
            str(len(_seeds(one["runs"]))),
            _text(seed_agreement(one["runs"])),
            _text(single_run_agreement(one["runs"])),
        ]
        for name, one in comparisons.items()
    ]
    head = [
        "pair",
        "loss before",
        "gain of all layers",
        "seeds",
        "Spearman between halves of the seeds",
        "of one seed with the mean of the others",
    ]
    parts += ["Do the seeds agree on the order of the placements?", ""]
    return "\n".join([*parts, *_table(head, agree), ""])


def seed_agreement(runs: Sequence[dict[str, Any]]) -> float | None:
    """Spearman correlation of the pool's gains between the first and the second half of the seeds.

    It says how well a score could do at most: ``None`` with one seed.

    Examples
    --------
    >>> rows = [{"label": f"random-{i}", "seed": s, "gain": i} for i in range(4) for s in (0, 1)]
    >>> seed_agreement(rows)
    1.0
    """
    gains = _pool_gains(runs)
    if gains.shape[1] < 2:
        return None
    half = gains.shape[1] // 2
    return _spearman(gains[:, :half].mean(axis=1), gains[:, half:].mean(axis=1))


def single_run_agreement(runs: Sequence[dict[str, Any]]) -> float | None:
    """Mean correlation of one seed's gains with the mean of the other seeds'.

    It is what a score would reach that is no prediction at all, but one fine-tuning run of every
    placement: ``None`` with one seed.

    Examples
    --------
    >>> rows = [{"label": f"random-{i}", "seed": s, "gain": i} for i in range(4) for s in (0, 1)]
    >>> single_run_agreement(rows)
    1.0
    """
    gains = _pool_gains(runs)
    seeds = gains.shape[1]
    if seeds < 2:
        return None
    others = (gains.sum(axis=1, keepdims=True) - gains) / (seeds - 1)
    return float(np.mean([_spearman(gains[:, s], others[:, s]) for s in range(seeds)]))


def _pool_gains(runs: Sequence[dict[str, Any]]) -> Float64[Array, "placements seeds"]:
    pool: dict[str, dict[int, float]] = {}
    for run in runs:
        if not run["label"].startswith(("pick of", "layer-", "all-layers")):
            pool.setdefault(run["label"], {})[run["seed"]] = run["gain"]
    seeds = _seeds(runs)
    return np.array([[float(gains[seed]) for seed in seeds] for gains in pool.values()])


def _spearman(first: Array, second: Array) -> float:
    correlation: Any = spearmanr(first, second)
    return float(correlation.statistic)


def _seeds(runs: Sequence[dict[str, Any]]) -> list[int]:
    return sorted({int(run["seed"]) for run in runs})


def _text(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(line) + " |" for line in lines]


@application.command()
def main(
    files: Annotated[list[Path], typer.Argument(help="comparison.json files.")],
    names: Annotated[
        list[str] | None, typer.Option("--name", help="Column heads, in the files' order.")
    ] = None,
) -> None:
    """Print the tables as Markdown."""
    try:
        heads = names or [path.stem for path in files]
        if len(set(heads)) != len(files):
            raise InputError(f"{len(files)} files need as many different names, not {heads}")
        text = across({head: read(path) for head, path in zip(heads, files, strict=True)})
    except InputError as error:
        stderr.print(f"error: {error}", style="red", markup=False, soft_wrap=True)
        raise typer.Exit(2) from None
    stdout.print(text, markup=False, soft_wrap=True)


if __name__ == "__main__":
    application(prog_name="python -m realmodel.evidence.across")
