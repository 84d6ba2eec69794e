"""How far a forecast of the level comes true, and how far the order across numbers of layers.

``python -m realmodel.evidence.forecast PAIR.json ...`` reads comparisons of ``layercard compare``
and writes a file for each to ``docs/evidence/forecast``. ``--card card.json --runs FOLDER --name
PAIR`` reads a card and a folder of runs instead. ``--table`` prints what such files say.
"""

from collections.abc import Iterable, Mapping, Sequence
from math import inf
from pathlib import Path
from statistics import fmean, median
from typing import Annotated, Any, Final

import numpy as np
import typer

from realmodel.card.layer_card import LayerCard
from realmodel.card.pilot import Pilot, PilotRun
from realmodel.evidence.across import shown
from realmodel.evidence.agreement import spearman
from realmodel.evidence.summary import CLOSE
from realmodel.model.lora_protocol import FinetuneOptions
from realmodel.runs.console import say
from realmodel.runs.markdown_table import markdown_table
from realmodel.runs.reported import reported
from theory import InputError
from theory.read_json import read_json
from theory.whole_file import write_json

MODEL: Final = "tangent-start"
"""The score whose values the card's placements go by."""

LEAST: Final = 5
"""Placements of a size that a rank correlation needs."""

application = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


def forecasts(rows: Sequence[Mapping[str, Any]], run: FinetuneOptions) -> dict[str, Any]:
    """Calibrate the tangent model by two of the runs, and forecast all others.

    Parameters
    ----------
    rows : sequence of mapping
        ``layers``, ``promised`` (by the tangent model) and ``realised`` of every fine-tuned
        placement, nats per completion token, all layers among them.
    run : FinetuneOptions
        Of all of them.

    Returns
    -------
    dict
        ``pilot`` as on a card: all layers, and the placement of about four layers that promises
        most; ``refusal``; ``rows`` with ``forecast``, ``low`` and ``high``; and a ``summary`` over
        the rows that are not the pilot's own.

    Raises
    ------
    InputError
        Without all layers, or without a placement of 2 to 10 layers beside them.

    Examples
    --------
    Gains of ``p / (1 + p)``: two of them tell the others.

    >>> sets = [(0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2)]
    >>> rows = [
    ...     {"layers": s, "promised": p, "realised": p / (1 + p)}
    ...     for s, p in zip(sets, (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.9), strict=True)
    ... ]
    >>> found = forecasts(rows, FinetuneOptions())
    >>> found["summary"]["close"], found["pilot"]["runs"][1]["layers"]
    (1.0, [1, 2])
    """
    ordered = sorted(rows, key=lambda row: (len(row["layers"]), tuple(row["layers"])))
    whole = ordered[-1]
    some = [row for row in ordered[:-1] if 1 < len(row["layers"]) < len(whole["layers"])]
    if not some:
        raise InputError("a forecast needs runs of all layers and of a few of them")
    size = min({len(row["layers"]) for row in some}, key=lambda size: abs(size - 4))
    best = max((r for r in some if len(r["layers"]) == size), key=lambda row: row["promised"])
    # Without a loss no promise is cut down to it, which only refusals are about.
    pilot = Pilot(run, run.steps, 0, 0, inf, _run(whole), _run(best))
    rest = [row for row in ordered if row is not whole and row is not best]
    told = [_told(row, pilot) for row in rest]
    return {
        "run": run.planned(),
        "pilot": {"runs": [pilot.whole.to_dict(), pilot.chosen.to_dict()]},
        "refusal": pilot.refusal,
        "rows": told,
        "summary": _summary(told),
    }


def _run(row: Mapping[str, Any]) -> PilotRun:
    return PilotRun(tuple(row["layers"]), float(row["promised"]), float(row["realised"]), 0.0)


def _told(row: Mapping[str, Any], pilot: Pilot) -> dict[str, Any]:
    found = pilot.forecast(row["promised"])
    return {
        "layers": list(row["layers"]),
        "promised": row["promised"],
        "realised": row["realised"],
        "forecast": None if found is None else found.gain,
        "low": None if found is None else found.low,
        "high": None if found is None else found.high,
    }


def _summary(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Rank correlations, and shares of rows within bounds; without pilot and with it."""
    sizes = sorted({len(row["layers"]) for row in rows})
    by_size = {
        size: own
        for size in sizes
        if len(own := [row for row in rows if len(row["layers"]) == size]) >= LEAST
    }
    found: dict[str, Any] = {
        "placements": len(rows),
        "spearman": {str(size): _spearman(own) for size, own in by_size.items()},
        "spearman_all": _spearman(rows),
        "close_uncalibrated": _close(rows, "promised"),
        "ratio_uncalibrated": {
            str(size): median(row["realised"] / row["promised"] for row in own)
            for size, own in by_size.items()
        },
    }
    if any(row["forecast"] is None for row in rows):
        return found | {"close": None, "covered": None, "ratio": None}
    return found | {
        "close": _close(rows, "forecast"),
        "covered": _share(row["low"] <= row["realised"] <= row["high"] for row in rows),
        "ratio": {
            str(size): median(row["realised"] / row["forecast"] for row in own)
            for size, own in by_size.items()
        },
    }


def _spearman(rows: Sequence[Mapping[str, Any]]) -> float | None:
    promised, realised = (np.array([row[key] for row in rows]) for key in ("promised", "realised"))
    return spearman(promised, realised)


def _close(rows: Sequence[Mapping[str, Any]], name: str) -> float:
    return _share(CLOSE[0] <= row["realised"] / row[name] <= CLOSE[1] for row in rows)


def _share(found: Iterable[bool]) -> float:
    values = list(found)
    return sum(values) / len(values)


def of_comparison(path: Path) -> dict[str, Any]:
    """Forecasts of a comparison's runs.

    Raises
    ------
    InputError
        If the file is no comparison, or one without the tangent model of a card.
    """
    record = read_json(path, "comparison")
    try:
        promised = {
            tuple(row["layers"]): float(row["value"])
            for row in record["values"]
            if row["score"] == MODEL
        }
        gains: dict[tuple[int, ...], list[float]] = {}
        for row in record["runs"]:
            gains.setdefault(tuple(row["layers"]), []).append(float(row["gain"]))
        run = FinetuneOptions.from_planned(record["options"]["finetune"])
        named = {"model": str(record["model"]), "task": str(record["task"])}
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{str(path)!r} is not a comparison: {error!r}") from error
    rows = [
        {"layers": layers, "promised": promised[layers], "realised": fmean(values)}
        for layers, values in gains.items()
        if layers in promised
    ]
    return named | forecasts(rows, run)


def of_runs(card: LayerCard, folder: Path) -> dict[str, Any]:
    """Forecasts of the runs of ``layercard compare`` in a folder, by a card of the same run.

    Raises
    ------
    InputError
        If the folder holds runs of another protocol than the card plans, or none.
    """
    run = FinetuneOptions.from_planned(read_json(folder / "protocol.json", "protocol")["finetune"])
    told = "no planned run" if card.protocol is None else card.protocol.differences(run)
    if told is not None:
        raise InputError(f"{str(folder)!r} holds runs of another kind than the card plans: {told}")
    gains: dict[tuple[int, ...], list[float]] = {}
    for path in sorted(folder.glob("run-*.json")):
        record = read_json(path, "finished run")
        gains.setdefault(tuple(record["layers"]), []).append(float(record["gain"]))
    rows = [
        {
            "layers": layers,
            "promised": card.quadratic.gain(card.positions(layers)),
            "realised": fmean(values),
        }
        for layers, values in gains.items()
    ]
    return {"model": str(card.model["source"]), "task": folder.name} | forecasts(rows, run)


def table(records: Mapping[str, Mapping[str, Any]]) -> str:
    """Markdown: one row per pair, by name."""
    head = ["pair", "placements", "order within sizes", "order over all"]
    head += [f"within {CLOSE[0]} to {CLOSE[1]}, no pilot", "with a pilot", "80% interval holds"]
    rows: list[list[str]] = []
    for name, record in records.items():
        found = record["summary"]
        cells = [name, str(found["placements"]), _by_size(found["spearman"])]
        cells += [shown(found["spearman_all"], ".2f"), f"{found['close_uncalibrated']:.0%}"]
        if record["refusal"] is not None:
            cells += ["refused", "-", "-"]
        else:
            cells += [f"{found['close']:.0%}", f"{found['covered']:.0%}", _by_size(found["ratio"])]
        rows.append(cells)
    return "\n".join(markdown_table([*head, "realised over forecast, by size"], rows))


def _by_size(values: Mapping[str, float | None]) -> str:
    return ", ".join(f"{size}: {shown(value, '.2f')}" for size, value in values.items())


@application.command()
@reported()
def main(
    comparisons: Annotated[
        list[Path] | None, typer.Argument(help="comparison.json files, or forecasts for --table.")
    ] = None,
    card: Annotated[Path | None, typer.Option(help="With --runs: card.json of the runs.")] = None,
    runs: Annotated[Path | None, typer.Option(help="Output folder of layercard compare.")] = None,
    name: Annotated[str | None, typer.Option(help="Of the pair; the folder's by default.")] = None,
    output_dir: Annotated[Path, typer.Option(help="Of the forecasts.")] = Path(
        "docs/evidence/forecast"
    ),
    as_table: Annotated[bool, typer.Option("--table", help="Print what such files say.")] = False,
) -> None:
    """Write the forecasts of every comparison named, or print the table of such files."""
    paths = comparisons or []
    if as_table:
        print(table({path.stem: read_json(path, "forecast") for path in paths}))
        return
    found = {path.stem: of_comparison(path) for path in paths}
    if card is not None and runs is not None:
        found[name or runs.name] = of_runs(LayerCard.load(card), runs)
    for pair, record in found.items():
        say(f"wrote {write_json(output_dir / f'{pair}.json', record)}")


if __name__ == "__main__":
    application(prog_name="python -m realmodel.evidence.forecast")
