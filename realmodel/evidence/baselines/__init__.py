"""Ways to choose layers, behind one interface: published baselines and ours.

Every file of this package that defines ``BASELINES`` is found; a new one is one file.
"""

import pkgutil
from importlib import import_module

from realmodel.evidence.baselines.context import Context, Need
from realmodel.evidence.baselines.score import Baseline, Forecast, JointGain, LayerScores, Score

ORDER = ("nothing", "weights", "statistics", "pilot", "sequences", "quadratic")


def discover() -> dict[str, Baseline]:
    """All baselines by name, the cheapest first."""
    found: list[Baseline] = []
    for module in pkgutil.iter_modules(__path__):
        found.extend(getattr(import_module(f"{__name__}.{module.name}"), "BASELINES", ()))
    return {b.name: b for b in sorted(found, key=lambda b: ORDER.index(b.need))}


BASELINES = discover()

__all__ = [
    "BASELINES",
    "Baseline",
    "Context",
    "Forecast",
    "JointGain",
    "LayerScores",
    "Need",
    "Score",
]
