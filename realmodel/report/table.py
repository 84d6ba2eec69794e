"""The card on a terminal."""

from math import inf
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from realmodel.report.notes import notes
from realmodel.report.verdict import named
from realmodel.runs.numbers import number
from realmodel.runs.printable import printable

if TYPE_CHECKING:
    from realmodel.card.layer_card import LayerCard

NARROW = {
    "budget_gain": "gain alone",
    "residual_norm": "residual norm",
    "gradient_norm": "gradient norm",
}
WIDE = NARROW | {
    "activation_energy": "activation energy",
    "effective_rank": "effective rank",
    "residual_norm_cross_fitted": "cross-fitted",
    "condition_number": "condition",
    "gain": "no limit",
}


def table(card: "LayerCard", *, width: int = 80, verbose: bool = False) -> RenderableType:
    """Layers with the measures that fit in ``width`` columns; ``verbose``: then the bounds."""
    shown = WIDE if width >= 112 else NARROW
    rows = Table(
        box=SIMPLE_HEAD,
        pad_edge=False,
        title_justify="left",
        caption_justify="left",
        title=Text(printable(f"{card.model['source']} on {card.data['source']}")),
        caption=(
            f"gain and price in nats per completion token (loss before: "
            f"{number(card.data['loss'])}), of the {card.predictor().title}"
            f"{_unsaturated(card)}; ± one standard error. Price beside "
            f"{named(card.certificate.layers)} (*): dropping one of them costs at least, adding "
            "another gains at most that much"
        ),
    )
    rows.add_column("layer", justify="right", no_wrap=True)
    rows.add_column("", no_wrap=True)
    for name in shown.values():
        rows.add_column(name, justify="right", no_wrap=name == "gain alone")
        if name == "gain alone":
            rows.add_column("price", justify="right", no_wrap=True)
    gains = card.predictor().single_gains()
    best = max(gain for gain, _ in gains)
    certificate = card.certificate
    for profile, (gain, error), price in zip(card.layers, gains, certificate.prices, strict=True):
        rest = [number(getattr(profile.measures, name)) for name in shown if name != "budget_gain"]
        alone = number(gain) + ("" if error is None else f" ± {number(error)}")
        taken = "*" if profile.layer in certificate.layers else " "
        cells = [alone, number(price) + taken, *rest]
        rows.add_row(str(profile.layer), _bar(gain / best if best > 0 else 0.0), *cells)
    if not verbose:
        return rows
    lines = [Text(f"• {note.text}", style="yellow" if note.void else "") for note in notes(card)]
    return Group(rows, Padding(Group(*lines), (1, 0, 0, 0)))


def _unsaturated(card: "LayerCard") -> str:
    """Where gains of the model are more than ever come true: what they saturate at."""
    model = card.predictor()
    curve = card.saturation(model.name) if model.name == "trials" else None
    if curve is None or curve.ceiling == inf:
        return ""
    everything = curve.gain(model.quadratic.gain())
    return f", before they saturate: all layers together gain {number(everything)}"


def _bar(share: float, width: int = 6) -> str:
    """A horizontal bar.

    >>> _bar(1.0, 2), _bar(0.0, 2)
    ('██', '  ')
    """
    full = round(share * width)
    return "█" * full + " " * (width - full)
