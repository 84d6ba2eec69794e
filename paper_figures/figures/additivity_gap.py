"""Additivity: joint gain against the sum of single gains, as coupling grows in either sign."""

from matplotlib.figure import Figure

from paper_figures.preset import Preset
from paper_figures.step import Data, Step
from paper_figures.steps.card import cards
from paper_figures.steps.experiment import experiment
from simulate.experiments.additivity import SIGNS, curves, draw_panels
from simulate.style import TEXT, letter

CAPTION = (
    "How far single gains add up, in simulated networks of 12 layers and on real models. (a, b) "
    "Joint gain over the sum of single gains against the coupling rho, for redundant and for "
    "synergistic coupling; bands hold all simulated worlds, lines are medians. Grey: the bounds "
    "1/(1 - rho) and 1/(1 + rho) (Theorem 3.2, reconstruction), which say nothing above rho = 1. "
    "Dashed: our signed bounds. Stars: measured cards, coupling within their directions. (c) Loss "
    "in excess of the joint optimum when every layer is trained alone and all are inserted "
    "together, with its bound."
)


def inputs(preset: Preset) -> dict[str, Step]:
    """The simulator's sweep over coupling, and every card."""
    return {"sweep": experiment("additivity", preset), **cards(preset, preset.models)}


def compute(sweep: Data, **measured: Data) -> Data:
    """Range of the ratio and of the excess loss at each coupling; the cards' own ratio."""
    points = [_point(item["model"], item["task"], item["card"]) for item in measured.values()]
    return {"curves": curves(sweep["rows"]), "cards": points, "worlds": sweep["options"]["worlds"]}


def _point(model: str, task: str, card: Data) -> Data:
    record = card["additivity"]
    alignment = card["coupling"]["alignment"]
    return {
        "model": model,
        "task": task,
        "rho": card["coupling"]["rho"],
        "ratio": record["gain"] / record["sum_of_gains"],
        "signed_lower": record["signed_lower"] / record["sum_of_gains"],
        "sign": SIGNS[0] if alignment is None or alignment >= 0 else SIGNS[1],
    }


def plot(data: Data) -> Figure:
    """Ratio for each sign, and the excess loss."""
    figure = Figure(figsize=(TEXT, 2.6))
    letter(draw_panels(figure, data))
    return figure
