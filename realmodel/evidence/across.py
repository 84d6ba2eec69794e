"""``python -m realmodel.evidence.across FILE ...``: tables over several comparisons."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from realmodel.evidence.agreement import spearman
from realmodel.evidence.recorded import read_comparison
from realmodel.runs.console import stdout
from realmodel.runs.markdown_table import markdown_table
from realmodel.runs.reported import reported
from theory import InputError
from theory.arrays import Array, Float64


def within_sizes(row: Mapping[str, Any]) -> float | None:
    """Mean Spearman correlation over the sizes."""
    return mean([size["placements"]["spearman"] for size in row["sizes"]])


def regret(row: Mapping[str, Any]) -> float | None:
    """Mean regret over the sizes whose pick is trained, percent of the all-layer gain."""
    share = mean([size["regret_share"] for size in row["sizes"]])
    return None if share is None else 100 * share


def mean(values: Sequence[float | None]) -> float | None:
    """Mean of the values that there are."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


TABLES: tuple[tuple[str, str, Callable[[Mapping[str, Any]], float | None], bool], ...] = (
    ("Spearman correlation with the realised gain within a size", ".2f", within_sizes, True),
    (
        "Over the placements of all sizes together",
        ".2f",
        lambda row: row["all_sizes"]["spearman"],
        True,
    ),
    ("Over the single layers", ".2f", lambda row: row["single_layers"]["spearman"], True),
    ("Regret of the picks, percent of the all-layer gain", ".1f", regret, False),
)
"""Title, format, value of a score's summary, and whether the largest mean stands first."""

application = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


def across(comparisons: Mapping[str, Mapping[str, Any]]) -> str:
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
        means = {name: mean(values) for name, values in rows}
        if not any(known is not None for known in means.values()):
            continue
        sign = -1 if largest_first else 1
        rows.sort(key=lambda row: np.inf if (m := means[row[0]]) is None else sign * m)
        cells = [[name, *(shown(x, form) for x in [*values, means[name]])] for name, values in rows]
        parts += [f"{title}:", "", *markdown_table(["score", *comparisons, "mean"], cells), ""]
    parts += ["Do the seeds agree on the order of the placements?", ""]
    return "\n".join([*parts, *seeds_table(comparisons), ""])


def seeds_table(comparisons: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """How far the seeds of each comparison agree: what limits every score."""
    head = [
        "pair",
        "loss before",
        "gain of all layers",
        "seeds",
        "Spearman between halves of the seeds",
        "of one seed with the mean of the others",
    ]
    rows = [
        [
            name,
            f"{one['loss_before']:.2f}",
            f"{one['all_gain']:.3f}",
            str(pool_gains(one["runs"]).shape[1]),
            shown(seed_agreement(one["runs"]), ".2f"),
            shown(single_run_agreement(one["runs"]), ".2f"),
        ]
        for name, one in comparisons.items()
    ]
    return markdown_table(head, rows)


def seed_agreement(runs: Sequence[Mapping[str, Any]]) -> float | None:
    """Spearman correlation of the pool's gains between the first and the second half of the seeds.

    It says how well the runs can be ordered at all (:func:`noise_ceiling`): ``None`` with one seed.

    Examples
    --------
    >>> rows = [
    ...     {"role": "pool", "layers": [i], "seed": s, "gain": i} for i in range(4) for s in (0, 1)
    ... ]
    >>> seed_agreement(rows)
    1.0
    """
    gains = pool_gains(runs)
    if gains.shape[1] < 2:
        return None
    half = gains.shape[1] // 2
    return spearman(gains[:, :half].mean(axis=1), gains[:, half:].mean(axis=1))


def noise_ceiling(agreement: float | None, seeds: int) -> float | None:
    """Correlation with the mean gain over ``seeds`` of a score that knows the expected gains.

    Parameters
    ----------
    agreement : float or None
        Correlation ``r`` of the gains of one seed with those of another.
    seeds : int
        How many seeds the mean is over.

    Returns
    -------
    float or None
        ``sqrt(k r / (1 + (k - 1) r))``; ``None`` where the seeds do not agree at all.

    Notes
    -----
    Source: C. Spearman, 1904 (attenuation) and 1910, and W. Brown, 1910 (reliability of a mean). It
    is exact for Pearson's correlation with noise that is independent of the gains and equal in all
    seeds; with ranks it is an approximation.

    Examples
    --------
    >>> round(noise_ceiling(0.64, 1), 2), round(noise_ceiling(0.64, 2), 2)
    (0.8, 0.88)
    """
    if agreement is None or agreement <= 0:
        return None
    return float(np.sqrt(seeds * agreement / (1 + (seeds - 1) * agreement)))


def single_run_agreement(runs: Sequence[Mapping[str, Any]]) -> float | None:
    """Mean correlation of one seed's gains with the mean of the other seeds'.

    It is what a score would reach that is no prediction at all, but one fine-tuning run of every
    placement: ``None`` with one seed.

    Examples
    --------
    >>> rows = [
    ...     {"role": "pool", "layers": [i], "seed": s, "gain": i} for i in range(4) for s in (0, 1)
    ... ]
    >>> single_run_agreement(rows)
    1.0
    """
    gains = pool_gains(runs)
    seeds = gains.shape[1]
    if seeds < 2:
        return None
    others = (gains.sum(axis=1, keepdims=True) - gains) / (seeds - 1)
    return mean([spearman(gains[:, s], others[:, s]) for s in range(seeds)])


def pool_gains(
    runs: Sequence[Mapping[str, Any]], size: int | None = None
) -> Float64[Array, "placements seeds"]:
    """Gains of the pool (of one size), over the placements that ran with every seed there is."""
    pool: dict[tuple[int, ...], dict[int, float]] = {}
    for run in runs:
        if run["role"] == "pool" and size in (None, len(run["layers"])):
            pool.setdefault(tuple(run["layers"]), {})[int(run["seed"])] = float(run["gain"])
    seeds = sorted({seed for gains in pool.values() for seed in gains})
    whole = [gains for gains in pool.values() if len(gains) == len(seeds)]
    return np.array([[gains[seed] for seed in seeds] for gains in whole]).reshape(-1, len(seeds))


def shown(value: float | None, form: str) -> str:
    """A number, or a dash."""
    return "-" if value is None else format(value, form)


@application.command()
@reported()
def main(
    files: Annotated[list[Path], typer.Argument(help="comparison.json files.")],
    names: Annotated[
        list[str] | None, typer.Option("--name", help="Column heads, in the files' order.")
    ] = None,
) -> None:
    """Print the tables as Markdown."""
    heads = names or [path.stem for path in files]
    if len(set(heads)) != len(files):
        raise InputError(f"{len(files)} files need as many different names, not {heads}")
    text = across({h: read_comparison(path) for h, path in zip(heads, files, strict=True)})
    stdout.print(text, markup=False, soft_wrap=True)


if __name__ == "__main__":
    application(prog_name="python -m realmodel.evidence.across")
