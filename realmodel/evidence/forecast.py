"""How far a forecast of the level comes true, and how far the order across numbers of layers.

``python -m realmodel.evidence.forecast PAIR.json ...`` reads comparisons of ``layercard compare``
and writes a file for each to ``docs/evidence/forecast``. ``--card card.json --runs FOLDER --name
PAIR`` reads a card and a folder of runs instead. ``--table`` prints what such files say.
"""

import argparse
from collections.abc import Mapping, Sequence
from math import inf
from pathlib import Path
from statistics import fmean, median
from typing import Any, Final

from scipy.stats import spearmanr

from realmodel.card.layer_card import LayerCard
from realmodel.card.pilot import Pilot, PilotRun
from realmodel.model.lora_protocol import FinetuneOptions
from realmodel.runs.console import say
from theory import InputError
from theory.read_json import read_json
from theory.whole_file import write_json

CLOSE: Final = (0.75, 1.33)
"""Realised over predicted within which a forecast counts as right."""

MODEL: Final = "tangent-start"
"""The score whose values the card's placements go by."""

LEAST: Final = 5
"""Placements of a size that a rank correlation needs."""


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


def _spearman(rows: Sequence[Mapping[str, Any]]) -> float:
    result = spearmanr([row["promised"] for row in rows], [row["realised"] for row in rows])
    return float(result.statistic)


def _close(rows: Sequence[Mapping[str, Any]], name: str) -> float:
    return _share(CLOSE[0] <= row["realised"] / row[name] <= CLOSE[1] for row in rows)


def _share(found: Any) -> float:
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
    lines = [
        "| pair | placements | order within sizes | order over all | within 0.75 to 1.33, no pilot "
        "| with a pilot | 80% interval holds | realised over forecast, by size |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, record in records.items():
        found = record["summary"]
        cells = [name, str(found["placements"]), _by_size(found["spearman"])]
        cells += [f"{found['spearman_all']:.2f}", f"{found['close_uncalibrated']:.0%}"]
        if record["refusal"] is not None:
            cells += ["refused", "-", "-"]
        else:
            cells += [f"{found['close']:.0%}", f"{found['covered']:.0%}", _by_size(found["ratio"])]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _by_size(values: Mapping[str, float]) -> str:
    return ", ".join(f"{size}: {value:.2f}" for size, value in values.items())


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the forecasts of every comparison named, or print the table of such files."""
    parser = argparse.ArgumentParser(prog="python -m realmodel.evidence.forecast")
    parser.add_argument("comparisons", nargs="*", type=Path)
    parser.add_argument("--card", type=Path)
    parser.add_argument("--runs", type=Path)
    parser.add_argument("--name")
    parser.add_argument("--output-dir", type=Path, default=Path("docs/evidence/forecast"))
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args(arguments)
    if options.table:
        named = {path.stem: path for path in options.comparisons}
        print(table({name: read_json(path, "forecast") for name, path in named.items()}))
        return
    for path in options.comparisons:
        written = options.output_dir / path.name
        say(f"wrote {write_json(written, of_comparison(path))}")
    if options.card is not None and options.runs is not None:
        written = options.output_dir / f"{options.name or options.runs.name}.json"
        found = of_runs(LayerCard.load(options.card), options.runs)
        say(f"wrote {write_json(written, found)}")


if __name__ == "__main__":
    main()
