"""Finite samples: the plug-in residual norm is biased, cross-fitting is not, error bars cover."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from paper_figures.preset import Preset
from paper_figures.step import Data, Step
from paper_figures.steps.experiment import experiment
from paper_figures.style import BLACK, BLUE, GREEN, GREY, TEXT, VERMILION, letter, panels

CAPTION = (
    "Squared residual norm of one simulated layer (16 inputs, 4 outputs, sequences of 8 tokens) "
    "from finite samples. (a) Truth 1; (b) truth 0, where the plug-in estimate still reports a "
    "residual. Lines are means over worlds, bands the middle 80%; dashed: truth plus the predicted "
    "bias, noise^2 m d / n. (c) Coverage of the 95% intervals of the cross-fitted estimate, with "
    "binomial standard errors: a jackknife over tokens fails when tokens of a sequence depend on "
    "each other (correlation 0.5), one over sequences does not."
)


def inputs(preset: Preset) -> dict[str, Step]:
    """The simulator's sweep over sample sizes."""
    return {"sweep": experiment("residual_norm", preset)}


def compute(sweep: Data) -> Data:
    """Mean and spread of both estimates, and the coverage, at each sample size."""
    rows = sweep["rows"]
    bias = [
        _estimates(signal, [r for r in rows if r["signal"] == signal and r["dependence"] == 0])
        for signal in (1.0, 0.0)
    ]
    coverage = [
        _coverage(unit, dependence, [r for r in rows if r["signal"] == 1.0])
        for unit, dependence in (("sequence", 0.0), ("sequence", 0.5), ("token", 0.5))
    ]
    return {"bias": bias, "coverage": coverage, "worlds": sweep["options"]["worlds"]}


def _estimates(signal: float, rows: list[dict[str, Any]]) -> Data:
    rows = [row for row in rows if row["unit"] == "sequence"]
    sizes = sorted({row["sequences"] for row in rows})
    result: Data = {"signal": signal, "sequences": sizes}
    result["truth"] = float(np.mean([row["truth"] for row in rows]))
    result["predicted_bias"] = [
        next(row["predicted_bias"] for row in rows if row["sequences"] == n) for n in sizes
    ]
    for name in ("plug_in", "cross_fitted"):
        values = [np.array([r[name] for r in rows if r["sequences"] == n]) for n in sizes]
        result[name] = {
            "mean": [float(v.mean()) for v in values],
            "error": [float(v.std(ddof=1) / np.sqrt(len(v))) for v in values],
            "low": [float(np.quantile(v, 0.1)) for v in values],
            "high": [float(np.quantile(v, 0.9)) for v in values],
        }
    return result


def _coverage(unit: str, dependence: float, rows: list[dict[str, Any]]) -> Data:
    rows = [row for row in rows if row["unit"] == unit and row["dependence"] == dependence]
    sizes = sorted({row["sequences"] for row in rows})
    covered = [np.array([row["covered"] for row in rows if row["sequences"] == n]) for n in sizes]
    share = [float(c.mean()) for c in covered]
    return {
        "unit": unit,
        "dependence": dependence,
        "sequences": sizes,
        "share": share,
        "error": [
            float(np.sqrt(p * (1 - p) / len(c))) for p, c in zip(share, covered, strict=True)
        ],
    }


def plot(data: Data) -> Figure:
    """Two panels of estimates, one of coverage."""
    figure, axes = panels(1, 3, width=TEXT, height=2.1)
    for axis, part in zip(axes[0, :2], data["bias"], strict=True):
        _draw_estimates(axis, part)
    axes[0, 0].legend(loc="upper right")
    _draw_coverage(axes[0, 2], data["coverage"])
    letter(axes.flat)
    return figure


def _sizes(axis: Axes, sizes: list[int]) -> None:
    axis.set_xscale("log")
    axis.set_xticks(sizes, [str(size) for size in sizes])
    axis.minorticks_off()
    axis.set_xlabel("sequences in the sample")


def _draw_estimates(axis: Axes, part: Data) -> None:
    truth, sizes = part["truth"], part["sequences"]
    axis.set_title(f"truth {part['signal']:.0f}")
    axis.axhline(truth, color=BLACK, lw=0.6)
    predicted = truth + np.array(part["predicted_bias"])
    for name, colour, marker, label in (
        ("plug_in", VERMILION, "s", "plug-in"),
        ("cross_fitted", BLUE, "o", "cross-fitted"),
    ):
        values = part[name]
        axis.fill_between(sizes, values["low"], values["high"], color=colour, alpha=0.18, lw=0)
        axis.plot(sizes, values["mean"], color=colour, marker=marker, label=label)
    axis.plot(sizes, predicted, color=GREY, ls="--", label="predicted plug-in", zorder=4)
    axis.set_ylabel("squared residual norm")
    _sizes(axis, sizes)


def _draw_coverage(axis: Axes, parts: list[Data]) -> None:
    axis.set_title("coverage of 95% intervals")
    styles = ((BLUE, "o", "-"), (GREEN, "^", "-"), (VERMILION, "s", "--"))
    for part, (colour, marker, line) in zip(parts, styles, strict=True):
        tokens = "dependent" if part["dependence"] else "independent"
        axis.errorbar(
            part["sequences"],
            part["share"],
            yerr=part["error"],
            color=colour,
            marker=marker,
            ls=line,
            elinewidth=0.8,
            label=f"by {part['unit']}, {tokens} tokens",
        )
    axis.axhline(0.95, color=BLACK, lw=0.6)
    axis.set_ylim(0, 1.03)
    axis.set_ylabel("share that hold the truth")
    axis.legend(loc="lower right")
    _sizes(axis, parts[0]["sequences"])
