"""``python -m realmodel.evidence.page PAGE``: the tables of a page, from the recorded comparisons.

A table stands between ``<!-- table: NAME -->`` and ``<!-- end -->``; what is between is replaced.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from scipy.stats import rankdata

from realmodel.evidence.across import mean, noise_ceiling, pool_gains, shown, within_sizes
from realmodel.evidence.agreement import spearman
from realmodel.evidence.mean_gains import mean_gains
from realmodel.evidence.published import PUBLISHED
from realmodel.evidence.recorded import read_comparison
from realmodel.evidence.summary import CLOSE
from realmodel.evidence.theory_practice import EXPLANATIONS, STRUCTURED
from realmodel.runs.console import say
from realmodel.runs.markdown_table import markdown_table
from realmodel.runs.reported import reported
from theory import InputError
from theory.generated_text import put_between
from theory.read_json import read_json
from theory.whole_file import write_whole

Record = Mapping[str, Any]

RECORDS = "evidence"
"""Folder beside the page."""

PREFIX = "smollm2-"
"""Of the records of the real model: ``smollm2-TASK.json`` and ``smollm2-TASK-theory.json``."""

DEPLOYED = "tangent-start"
"""The score that ``place`` goes by."""

TITLES = {"e2e": "E2E", "webnlg": "WebNLG", "gsm8k": "GSM8K", "arc": "ARC-Easy"}

WITHIN, TOGETHER, REGRET, OFTEN, COVERED = 0.85, 0.9, 2.0, 0.9, 0.8
"""Targets of the protocol: correlations, percent of the all-layer gain, and shares."""

APART = "-lr"
"""In the name of a record at another learning rate, which counts in its own table alone."""

MARK, END = re.compile(r"(<!-- table: ([\w-]+) -->)"), "<!-- end -->"


@dataclass(frozen=True)
class Records:
    """What the tables are made from.

    Parameters
    ----------
    comparisons, apart : tuple of mapping
        By the protocol, and at another learning rate.
    theories : tuple of mapping
        From :mod:`realmodel.evidence.theory_practice`.
    """

    comparisons: tuple[Record, ...]
    apart: tuple[Record, ...] = ()
    theories: tuple[Record, ...] = ()

    @classmethod
    def beside(cls, page: Path) -> "Records":
        """In the folder of records beside the page.

        Raises
        ------
        InputError
            When there is none, or one cannot be read.
        """
        found: dict[str, list[Record]] = {"comparisons": [], "apart": [], "theories": []}
        for path in sorted((page.parent / RECORDS).glob(f"{PREFIX}*.json")):
            if path.stem.endswith("-theory"):
                found["theories"].append(read_json(path, "theory against practice"))
            else:
                kind = "apart" if APART in path.stem else "comparisons"
                found[kind].append(read_comparison(path))
        if not found["comparisons"]:
            raise InputError(f"there is no {PREFIX}TASK.json in {page.parent / RECORDS}")
        return cls(*(tuple(found[kind]) for kind in ("comparisons", "apart", "theories")))


def percent(value: float | None) -> str:
    """A share in percent without the sign."""
    return "-" if value is None else f"{100 * value:.0f}"


def span(values: Sequence[float | None], form: str) -> str:
    """Mean and range of the values that there are."""
    known = [value for value in values if value is not None]
    if not known:
        return "-"
    text = format(float(np.mean(known)), form)
    return text if len(known) == 1 else f"{text} ({min(known):{form}} to {max(known):{form}})"


def placements_table(records: Records) -> list[str]:
    """What placements keep of the all-layer gain, by task and size."""
    head = ["task", "layers", "random, mean (range)", *STRUCTURED]
    head += ["best trained", "pick of `place`"]
    rows: list[list[str]] = []
    for one in records.comparisons:
        whole, trained = one["all_gain"], mean_gains(one["runs"])
        for at, size in enumerate(one["options"]["sizes"]):
            own = {run: gain for run, gain in trained.items() if len(run.layers) == size}
            gain = {run.label: gain / whole for run, gain in own.items()}
            drawn = [value for label, value in gain.items() if label.startswith("random")]
            if not drawn:
                continue
            pick = next(s for s in one["summaries"] if s["name"] == DEPLOYED)["sizes"][at]
            kept = None if pick["pick_gain"] is None else pick["pick_gain"] / whole
            spread = f"{percent(min(drawn))} to {percent(max(drawn))}"
            row = [titled(one), str(size), f"{percent(float(np.mean(drawn)))} ({spread})"]
            row += [percent(gain.get(f"{kind}-{size}")) for kind in STRUCTURED]
            rows.append([*row, percent(max(gain.values())), percent(kept)])
    rows.sort(key=lambda row: (row[0], int(row[1])))
    return markdown_table(head, rows)


def scores_table(records: Records) -> list[str]:
    """Every score over all tasks and sizes, best order first."""
    by_name: dict[str, dict[str, Record]] = {}
    for one in records.comparisons:
        for row in one["summaries"]:
            by_name.setdefault(row["name"], {})[one["task"]] = row
    lines: list[tuple[float, list[str]]] = []
    for of_task in by_name.values():
        found = list(of_task.values())
        within = [size["placements"]["spearman"] for row in found for size in row["sizes"]]
        lost = [size["regret_share"] for row in found for size in row["sizes"]]
        lost = [None if share is None else 100 * share for share in lost]
        against = [
            size["pick_gain"] >= other["pick_gain"]
            for task, row in of_task.items()
            for size, other in zip(row["sizes"], by_name["uniform-k"][task]["sizes"], strict=True)
            if size["pick_gain"] is not None and other["pick_gain"] is not None
        ]
        cells = [
            found[0]["title"]
            + ("" if len(found) == len(records.comparisons) else f" ({', '.join(of_task)})"),
            span(within, ".2f"),
            span([row["all_sizes"]["spearman"] for row in found], ".2f"),
            span(lost, ".1f"),
            f"{sum(against)} of {len(against)}" if against else "-",
            span([row["seconds"] for row in found], ".0f"),
        ]
        order = mean([within_sizes(row) for row in found])
        lines.append((-9.0 if order is None else order, cells))
    lines.sort(key=lambda line: -line[0])
    head = ["score", "Spearman within a size", "all sizes together"]
    head += ["regret of its picks, % of the all-layer gain", "pick no worse than uniform's"]
    return markdown_table([*head, "cost, s"], [cells for _, cells in lines])


def targets_table(records: Records) -> list[str]:
    """The protocol's targets, and how far each score in nats reaches them, task by task."""
    head = ["score", "task", f"Spearman within 2, 5, 10 (at least {WITHIN})"]
    head += [f"all sizes (at least {TOGETHER})", f"regret, % (at most {REGRET:g})"]
    head += ["realised / predicted, by size", f"from {CLOSE[0]} to {CLOSE[1]} (at least 90%)"]
    head += ["in its 80% interval", "reached"]
    rows: list[list[str]] = []
    for one in records.comparisons:
        for row in one["summaries"]:
            told = row["forecast"]
            if told is None:
                continue
            sizes = sorted(row["sizes"], key=lambda size: size["size"])
            within = [size["placements"]["spearman"] for size in sizes]
            lost = [size["regret_share"] for size in sizes]
            checks = [value is not None and value >= WITHIN for value in within]
            checks += [(row["all_sizes"]["spearman"] or 0.0) >= TOGETHER]
            checks += [100 * share <= REGRET for share in lost if share is not None]
            checks += [told["close"] >= OFTEN]
            checks += [told["covered"] is not None and told["covered"] >= COVERED]
            ratios = ", ".join(f"{k}: {v:.2f}" for k, v in told["ratio_by_size"].items())
            cells = [row["title"], titled(one), ", ".join(shown(x, ".2f") for x in within)]
            cells += [shown(row["all_sizes"]["spearman"], ".2f")]
            cells += [", ".join("-" if x is None else f"{100 * x:.1f}" for x in lost), ratios]
            cells += [f"{percent(told['close'])}%"]
            cells += ["-" if told["covered"] is None else f"{percent(told['covered'])}%"]
            rows.append([*cells, f"{sum(checks)} of {len(checks)}"])
    rows.sort(key=lambda row: (row[0], row[1]))
    return markdown_table(head, rows)


def rates_table(records: Records) -> list[str]:
    """How well each score orders the placements that were run at another rate too."""
    pairs = [
        (one, other, size)
        for other in records.apart
        for one in records.comparisons
        for size in other["options"]["sizes"]
        if one["task"] == other["task"].split(APART)[0]
        and pool_gains(other["runs"], size).shape[0] > 2
    ]
    head = ["score"]
    for one, other, size in pairs:
        rates = [f"{each['options']['finetune']['learning_rate']:g}" for each in (one, other)]
        head += [f"{titled(one)}, {size} layers, at {rate}" for rate in rates]
    lines: list[tuple[float, list[str]]] = []
    for row in records.comparisons[0]["summaries"] if pairs else ():
        values = [
            next((s["placements"]["spearman"] for s in own["sizes"] if s["size"] == size), None)
            for one, other, size in pairs
            for each in (one, other)
            if (own := _of(each, row["name"])) is not None
        ]
        if len(values) == 2 * len(pairs):
            average = mean(values)
            cells = [row["title"], *(shown(value, ".2f") for value in values)]
            lines.append((-9.0 if average is None else average, cells))
    lines.sort(key=lambda line: -line[0])
    return markdown_table(head, [cells for _, cells in lines] or [["not run yet"]])


def seeds_table(records: Records) -> list[str]:
    """Spearman of the gains of one seed with those of the other, by size: the noise ceiling."""
    rows: list[list[str]] = []
    for one in records.comparisons:
        for size in sorted(one["options"]["sizes"]):
            gains = pool_gains(one["runs"], size)
            if gains.shape[1] < 2 or len(gains) < 3:
                continue
            agree = spearman(gains[:, 0], gains[:, 1])
            apart = float(np.abs(gains[:, 0] - gains[:, 1]).mean() / one["all_gain"])
            cells = [titled(one), str(size), str(len(gains)), shown(agree, ".2f")]
            limits = [shown(noise_ceiling(agree, seeds), ".2f") for seeds in (1, 2)]
            rows.append([*cells, *limits, f"{100 * apart:.1f}"])
    head = [
        "task",
        "layers",
        "placements",
        "Spearman of seed 0 with seed 1",
        "of a perfect score with one seed",
        "with the mean of two",
        "mean difference, % of the all-layer gain",
    ]
    return markdown_table(head, rows or [["-"] * len(head)])


def forgetting_table(records: Records) -> list[str]:
    """Gain on the task, and what the loss on a text of another kind rises by."""
    rows: list[list[str]] = []
    for one in records.comparisons:
        known = [run for run in one["runs"] if run.get("forgetting") and run["seed"] == 0]
        known.sort(key=lambda run: -run["gain"])
        for run in known:
            told = run["forgetting"]
            cells = [titled(one), run["label"], f"{run['gain']:.3f}", f"{told['before']:.3f}"]
            rows.append([*cells, f"{told['forgotten']:+.3f}"])
        if len(known) > 2:
            pairs = np.array([[run["gain"], run["forgetting"]["forgotten"]] for run in known])
            text = shown(spearman(pairs[:, 0], pairs[:, 1]), ".2f")
            rows.append([titled(one), "Spearman of gain and rise", "", "", text])
    head = ["task", "placement", "gain", "loss on the other text before", "rise"]
    return markdown_table(head, rows or [["-"] * 5])


def explained_table(records: Records) -> list[str]:
    """Which of the theory's quantities orders placements of one size as they came true."""
    columns = [
        (one, size) for one in records.theories for size in sorted(one["explained"], key=int)
    ]
    head = ["explanation", *(f"{titled(one)}, {size} layers" for one, size in columns)]
    rows = [
        [title, *(shown(one["explained"][size][name], ".2f") for one, size in columns)]
        for name, title in EXPLANATIONS.items()
    ]
    return markdown_table(head, rows)


def concentration_table(records: Records) -> list[str]:
    """How much of each measure lies in the first fifth of the layers."""
    names = {
        "residual_norm_activation": "residual norm from activations, squared",
        "residual_norm": "residual norm (Sigma and Gamma), squared",
        "gradient_norm": "gradient norm, squared",
        "activation_energy": "activation energy",
        "own_gain": "own gain in the budget",
    }
    rows = [
        [title, *(f"{percent(one['concentration'][name])}%" for one in records.theories)]
        for name, title in names.items()
    ]
    return markdown_table(
        ["share of the first fifth of the layers", *map(titled, records.theories)], rows
    )


def orders_table(records: Records) -> list[str]:
    """Ranks of the structured placements: by each explanation, as came true, and as published."""
    head = ["task", "layers", "order by", *STRUCTURED]
    rows: list[list[str]] = []
    for one in records.theories:
        for size in sorted(one["explained"], key=int):
            of = {row["label"]: row for row in one["placements"]}
            own = [of.get(f"{kind}-{size}") for kind in STRUCTURED]
            if None in own:
                continue
            found = [row for row in own if row is not None]
            orders = {
                "hardness (sum of own gains)": [row["sum"] for row in found],
                "coupling (least aligned first)": [-row["alignment"] for row in found],
                "both (joint gain)": [row["joint"] for row in found],
                "**what came true**": [row["realised"] for row in found],
            }
            rows += [[titled(one), size, title, *ranks(values)] for title, values in orders.items()]
    published = [float(np.mean(PUBLISHED[kind])) for kind in STRUCTURED]
    rows.append(["published (DART, E2E, WebNLG)", "4", "mean score", *ranks(published)])
    return markdown_table(head, rows)


def bounds_table(records: Records) -> list[str]:
    """Bounds on the joint gain beside what came true, for the structured placements."""
    head = ["task", "placement", "rho", "sum of own gains", "paper's bounds", "signed bounds"]
    rows: list[list[str]] = []
    for one in records.theories:
        wanted = [f"{kind}-{size}" for size in one["explained"] for kind in STRUCTURED]
        for row in one["placements"]:
            if row["label"] not in wanted:
                continue
            paper = f"{row['lower']:.3f} to {shown(row['upper'], '.3f')}"
            signed = f"{row['signed_lower']:.3f} to {shown(row['signed_upper'], '.3f')}"
            cells = [titled(one), row["label"], f"{row['coupling']:.2f}", f"{row['sum']:.3f}"]
            rows.append([*cells, paper, signed, f"{row['joint']:.3f}", f"{row['realised']:.3f}"])
    return markdown_table([*head, "joint gain in the model", "realised"], rows)


def ranks(values: Sequence[float]) -> list[str]:
    """1 for the largest.

    Examples
    --------
    >>> ranks([3.0, 9.0, 1.0])
    ['2', '1', '3']
    """
    return [f"{rank:g}" for rank in rankdata([-value for value in values])]


def titled(record: Record) -> str:
    """The task's name as people write it."""
    task = str(record["task"])
    return TITLES.get(task, task)


def _of(comparison: Record, name: str) -> Record | None:
    return next((row for row in comparison["summaries"] if row["name"] == name), None)


TABLES: Mapping[str, Callable[[Records], list[str]]] = {
    "placements": placements_table,
    "scores": scores_table,
    "targets": targets_table,
    "rates": rates_table,
    "seeds": seeds_table,
    "forgetting": forgetting_table,
    "explained": explained_table,
    "concentration": concentration_table,
    "orders": orders_table,
    "bounds": bounds_table,
}


def with_tables(page: Path) -> str:
    """The page's text with every table made anew from the records beside it.

    Raises
    ------
    InputError
        When the page or a record cannot be read, there are no records, or a table is unknown.
    """
    try:
        text = page.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{str(page)!r} cannot be read: {error.strerror}") from error
    records = Records.beside(page)
    for begin, name in MARK.findall(text):
        if name not in TABLES:
            raise InputError(f"{page.name}: no table {name!r}: choose {', '.join(TABLES)}")
        text = put_between(text, begin, END, "\n".join(["", *TABLES[name](records), ""]))
    return text


application = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@application.command()
@reported()
def main(page: Annotated[Path, typer.Argument(help="Markdown; its records beside it.")]) -> None:
    """Write the page's tables anew."""
    write_whole(page, with_tables(page))
    say(f"wrote {page}")


if __name__ == "__main__":
    application(prog_name="python -m realmodel.evidence.page")
