"""Finite samples: the plug-in residual norm is biased, cross-fitting is not, error bars cover."""

from matplotlib.figure import Figure

from paper_figures.preset import Preset
from paper_figures.step import Data, Step
from paper_figures.steps.experiment import experiment
from simulate.experiments.residual_norm import (
    coverage,
    draw_coverage,
    draw_estimates,
    estimates,
)
from simulate.style import TEXT, letter, panels

CAPTION = (
    "Squared residual norm of one simulated layer (16 inputs, 4 outputs, sequences of 8 tokens) "
    "from finite samples. (a) Truth 1; (b) truth 0, where the plug-in estimate still reports a "
    "residual. Lines are means over worlds, bands the middle 80%; dashed: truth plus the predicted "
    "bias, noise^2 m d / n. (c) Coverage of the 95% intervals of the cross-fitted estimate, with "
    "binomial standard errors: a jackknife over tokens (up to 128 sequences) fails when tokens of "
    "a sequence depend on each other (correlation 0.5), one over sequences does not."
)


def inputs(preset: Preset) -> dict[str, Step]:
    """The simulator's sweep over sample sizes."""
    return {"sweep": experiment("residual_norm", preset)}


def compute(sweep: Data) -> Data:
    """Mean and spread of both estimates, and the coverage, at each sample size."""
    rows = sweep["rows"]
    return {
        "bias": estimates(rows),
        "coverage": coverage(rows),
        "worlds": sweep["options"]["worlds"],
    }


def plot(data: Data) -> Figure:
    """Two panels of estimates, one of coverage."""
    figure, axes = panels(1, 3, width=TEXT, height=2.1)
    for axis, part in zip(axes[0, :2], data["bias"], strict=True):
        draw_estimates(axis, part)
    axes[0, 0].legend(loc="upper right")
    draw_coverage(axes[0, 2], data["coverage"])
    letter(axes.flat)
    return figure
