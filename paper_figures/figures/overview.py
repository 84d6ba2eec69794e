"""Overview: a layer's gain is the part of the residual in its tangent space."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from paper_figures.preset import Preset
from paper_figures.step import Data, Step
from simulate import linear_gaussian_world
from simulate.palette import BLACK, BLUE, GREEN, GREY, SEQUENTIAL, VERMILION
from simulate.style import TEXT, letter
from theory import BlockQuadratic, exact_search, top_k
from theory.additivity_bounds.interaction_norm import block_norms

CAPTION = (
    "The projected-residual framework. (a) Two layers' tangent spaces (lines) and the residual r: "
    "the gain of a set S is half the squared length of the projection P_S r on the joint span, and "
    "the coupling of two layers is the cosine of the angle between them, so that single gains do "
    "not add up. (b) The same for a simulated network of 12 layers: residual norms (bars) and the "
    "coupling between every two layers. (c) What follows for placement: the best k layers by "
    "exact search, the k largest residual norms, and what adding up single gains promises."
)
ANGLE = np.deg2rad(50.0)
LAYERS = 12


def inputs(preset: Preset) -> dict[str, Step]:
    """Nothing is measured: the figure is computed from its own small examples."""
    return {}


def compute() -> Data:
    """Geometry of two layers, and a simulated network of twelve."""
    return {"geometry": _geometry(), "network": _network()}


def _geometry() -> Data:
    """Residual in three dimensions, two layers with one tangent direction each."""
    residual = np.array([1.65, 0.75, 1.55])
    tangents = np.array([[1.0, 0.0, 0.0], [np.cos(ANGLE), np.sin(ANGLE), 0.0]])
    quadratic = BlockQuadratic.from_least_squares(tangents.T, residual, (1, 1))
    joint = -tangents.T @ np.linalg.solve(quadratic.curvature, quadratic.gradient)
    return {
        "residual": residual.tolist(),
        "tangents": tangents.tolist(),
        "projections": [((residual @ t) * t).tolist() for t in tangents],
        "joint_projection": joint.tolist(),
        "coupling": quadratic.coupling,
        "single_gains": [quadratic.gain([0]), quadratic.gain([1])],
        "joint_gain": quadratic.gain(),
    }


def _network() -> Data:
    world = linear_gaussian_world(
        np.random.default_rng(2),
        layers=LAYERS,
        dimension=2,
        strength=2.5,
        target="aligned",
        alignment=1.0,
    )
    quadratic = world.quadratic
    single = np.sort(0.5 * quadratic.residual_norms**2)[::-1]
    sizes = range(1, LAYERS + 1)
    best = [exact_search(quadratic, k) for k in sizes]
    return {
        "residual_norms": quadratic.residual_norms.tolist(),
        "coupling_norms": block_norms(quadratic.whitened_coupling, quadratic.sizes).tolist(),
        "coupling_range": list(quadratic.coupling_range),
        "best_layers": [list(placement.layers) for placement in best],
        "best_gain": [placement.gain for placement in best],
        "largest_norms_gain": [top_k(quadratic, k).gain for k in sizes],
        "sum_of_gains": [float(single[:k].sum()) for k in sizes],
    }


def plot(data: Data) -> Figure:
    """Three panels at text width."""
    figure = Figure(figsize=(TEXT, 2.15))
    grid = figure.add_gridspec(2, 3, width_ratios=[1.2, 1, 1], height_ratios=[1, 4])
    geometry = figure.add_subplot(grid[:, 0])
    norms = figure.add_subplot(grid[0, 1])
    coupling = figure.add_subplot(grid[1, 1], sharex=norms)
    choice = figure.add_subplot(grid[:, 2])
    _draw_geometry(geometry, data["geometry"])
    _draw_network(norms, coupling, data["network"])
    _draw_choice(choice, data["network"])
    letter([geometry, norms, choice])
    return figure


def _flat(point: Any) -> Any:
    """Oblique view of three dimensions: y goes back, z goes up."""
    return np.asarray(point) @ np.array([[1.0, 0.0], [0.5, 0.6], [0.0, 1.0]])


def _draw_geometry(axis: Axes, data: Data) -> None:
    axis.set_title("residual and tangent spaces")
    axis.set_axis_off()
    axis.set_aspect("equal", anchor="N")
    plane = _flat([[-0.35, -0.6, 0], [2.5, -0.6, 0], [2.5, 1.7, 0], [-0.35, 1.7, 0]])
    axis.fill(*plane.T, color="#EEF3F8", zorder=0)
    colours = (BLUE, VERMILION)
    for index, (tangent, foot, colour) in enumerate(
        zip(data["tangents"], data["projections"], colours, strict=True)
    ):
        line = _flat(np.outer([-0.25, 2.3 if index == 0 else 1.95], tangent))
        axis.plot(*line.T, color=colour, lw=0.8, alpha=0.7)
        name = rf"layer {index + 1}"
        axis.annotate(
            name,
            line[1],
            xytext=(2, -7) if index == 0 else (3, -1),
            textcoords="offset points",
            color=colour,
            ha="center" if index == 0 else "left",
        )
        _arrow(axis, foot, colour)
        _dotted(axis, data["residual"], foot, colour)
    _arrow(axis, data["joint_projection"], GREEN)
    _arrow(axis, data["residual"], BLACK)
    _dotted(axis, data["residual"], data["joint_projection"], GREEN)
    _label(axis, data["residual"], r"residual $r$", BLACK, (-6, -4), "right")
    _label(axis, data["joint_projection"], r"$P_S r$", GREEN, (3, -1), "left")
    one, two = data["single_gains"]
    axis.text(
        0.5,
        -0.02,
        f"coupling = cos(angle) = {data['coupling']:.2f}\n"
        f"joint gain {data['joint_gain']:.2f}, sum of single gains {one + two:.2f}",
        transform=axis.transAxes,
        va="top",
        ha="center",
    )


def _arrow(axis: Axes, head: Any, colour: str) -> None:
    arrow = {"arrowstyle": "-|>", "color": colour, "lw": 1.3, "shrinkA": 0, "shrinkB": 0}
    axis.annotate("", _flat(head), xytext=_flat([0, 0, 0]), arrowprops=arrow)


def _dotted(axis: Axes, start: Any, end: Any, colour: str) -> None:
    axis.plot(*_flat([start, end]).T, ls=":", lw=0.8, color=colour)


def _label(
    axis: Axes, point: Any, text: str, colour: str, offset: tuple[int, int], side: str
) -> None:
    axis.annotate(
        text, _flat(point), xytext=offset, textcoords="offset points", color=colour, ha=side
    )


def _draw_network(norms: Axes, axis: Axes, data: Data) -> None:
    norms.set_title("residual norm and coupling")
    norms.bar(range(LAYERS), data["residual_norms"], color=BLUE, width=0.7)
    norms.set_ylabel("norm")
    norms.tick_params(labelbottom=False)
    coupling = np.array(data["coupling_norms"])
    np.fill_diagonal(coupling, np.nan)
    axis.grid(visible=False)
    image = axis.imshow(coupling, cmap=SEQUENTIAL, vmin=0, aspect="auto")
    axis.set_xlabel("layer")
    axis.set_ylabel("layer")
    axis.set_xticks(range(0, LAYERS, 3))
    axis.set_yticks(range(0, LAYERS, 3))
    bar = axis.figure.colorbar(image, ax=[norms, axis], pad=0.02, aspect=25)
    bar.set_label(r"coupling $\|M_{ij}\|$")


def _draw_choice(axis: Axes, data: Data) -> None:
    axis.set_title("gain of k layers")
    sizes = range(1, LAYERS + 1)
    axis.plot(sizes, data["sum_of_gains"], color=GREY, ls="--", label="sum of single gains")
    axis.plot(sizes, data["best_gain"], color=GREEN, marker="o", label="best set (exact)")
    axis.plot(sizes, data["largest_norms_gain"], color=VERMILION, marker="s", label="largest norms")
    axis.set_xlabel("layers adapted")
    axis.set_ylabel("gain (units of the loss)")
    axis.set_ylim(0)
    axis.set_xticks(range(0, LAYERS + 1, 3))
    axis.legend(loc="lower right")
