"""The picture of theory against practice: layers above, placements below."""

from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from realmodel.demo.profile_figure import CHOSEN, OTHER, STYLE
from realmodel.evidence.theory_practice import STRUCTURED

MARKS: Mapping[str, str] = dict(zip(STRUCTURED, ("D", "s", "<", ">"), strict=True))

PROFILES = (
    ("residual_norm", "residual norm\n(\u03a3 and \u0393, \u221anats)"),
    ("residual_norm_activation", "residual norm\n(activations, \u221anats)"),
    ("activation_energy", "activation energy\n(tr \u03a3)"),
    ("mean_signed_coupling", "mean coupling with\nother layers, signed"),
    ("own_gain", "own gain in the budget\n(nats per token)"),
    ("realised", "realised gain alone\n(nats per token)"),
)


def theory_figure(record: Mapping[str, Any]) -> Figure:
    """One row of profiles over the layers, one of placements against what they gained.

    Parameters
    ----------
    record : mapping
        From :func:`realmodel.evidence.theory_practice.theory_practice`.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(13.4, 5.4), layout="constrained")
        axes = figure.subplots(2, len(PROFILES))
        for axis, (name, title) in zip(axes[0], PROFILES, strict=True):
            points = [(r["layer"], r[name]) for r in record["layers"] if r[name] is not None]
            where, values = zip(*points, strict=True)
            axis.vlines(where, 0, values, color=OTHER, linewidth=1.8, alpha=0.6)
            axis.plot(where, values, "o", markersize=3.5, color=OTHER)
            axis.set_title(title, fontsize=9)
            axis.set_xlabel("layer")
        sizes = [int(size) for size in record["explained"]]
        columns = (("sum", "sum of own gains (hardness)"), ("joint", "joint gain (both)"))
        shown = [(size, *column) for size in sizes[-3:] for column in columns]
        for axis, (size, name, title) in zip(axes[1], shown, strict=False):
            _scatter(axis, record, size, name)
            axis.set_xlabel(title)
            axis.set_title(f"{size} layers", fontsize=9)
        axes[1][0].set_ylabel("realised gain")
        for axis in axes[1][len(shown) :]:
            axis.set_axis_off()
        handles, labels = axes[1][0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=5, frameon=False)
    return figure


def _scatter(axis: Any, record: Mapping[str, Any], size: int, name: str) -> None:
    rows = [row for row in record["placements"] if row["size"] == size]
    plain = [row for row in rows if _kind(row["label"]) is None]
    axis.plot(*_points(plain, name), "o", color=OTHER, mfc="none", markersize=4, label="random")
    for row in rows:
        kind = _kind(row["label"])
        if kind is not None:
            axis.plot(*_points([row], name), MARKS[kind], color=CHOSEN, markersize=6, label=kind)


def _kind(label: str) -> str | None:
    return next((kind for kind in STRUCTURED if label.startswith(kind)), None)


def _points(rows: list[Mapping[str, Any]], name: str) -> tuple[np.ndarray, np.ndarray]:
    return np.array([r[name] for r in rows]), np.array([r["realised"] for r in rows])
