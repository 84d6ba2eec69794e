"""What the user is ready to spend, in the words of the command line."""

import math
import re
from dataclasses import dataclass
from typing import Final

from realmodel.costs.device_costs import DeviceCosts
from realmodel.runs.numbers import amount, number
from theory import InputError

OBJECTIVES: Final = ("gain", "time", "memory", "serving")
UNITS: Final = {
    "seconds": {"s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6},
    "bytes": {"B": 1.0, "kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9, "MiB": 2.0**20, "GiB": 2.0**30},
    "operations": {"FLOP": 1.0, "MFLOP": 1e6, "GFLOP": 1e9, "TFLOP": 1e12},
}


@dataclass(frozen=True)
class Budget:
    """The largest gain is sought within ``value`` of ``objective``'s cost.

    Parameters
    ----------
    objective : str
        ``gain``: a number of layers; ``time``, ``memory``, ``serving``: that cost.
    value : float
        Layers, or the unit of the cost.
    text : str
        In words.
    """

    objective: str
    value: float
    text: str

    @classmethod
    def parse(cls, objective: str, text: str, costs: DeviceCosts) -> "Budget":
        """Read ``4``, ``60%`` (of what adapting every layer costs), ``80ms`` or ``1.5GB``.

        Raises
        ------
        InputError
            Unknown objective, unreadable amount, a unit of another kind, or nothing to spend.
        """
        if objective not in OBJECTIVES:
            raise InputError(f"unknown objective {objective!r}: choose {', '.join(OBJECTIVES)}")
        read = re.fullmatch(r"\s*([0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)\s*([%\wµ]*)\s*", text)
        if read is None:
            raise InputError(f"budget {text!r} is not an amount: try 4, 60%, 80ms or 1.5GB")
        value, suffix = float(read[1]), read[2]
        if objective == "gain":
            layers = len(costs.time.per_layer)
            if suffix == "%":
                value = math.floor(value / 100 * layers)
            elif suffix or value != int(value):
                raise InputError(f"budget {text!r} of objective gain is a number of layers")
            if not 1 <= value <= layers:
                raise InputError(
                    f"budget {text!r} admits {int(value)} layers: choose between 1 and {layers}"
                )
            return cls(objective, value, f"{int(value)} layer{'s' if value > 1 else ''}")
        unit = costs.unit(objective)
        if suffix == "%":
            value = value / 100 * costs.everything(objective)
        elif suffix:
            scales = UNITS[unit.split()[0]]
            if suffix not in scales:
                raise InputError(
                    f"budget {text!r}: {objective} is counted in {unit} on this card; units are "
                    f"{', '.join(scales)}, or % of adapting every layer"
                )
            value *= scales[suffix]
        if not value > 0:
            raise InputError(f"budget {text!r} admits nothing: it must be above 0")
        share = value / costs.everything(objective) if costs.everything(objective) else 1.0
        words = f"{amount(value, unit)} of {objective} ({number(100 * share)}% of every layer)"
        return cls(objective, value, words)
