"""What the user is ready to spend, in the words of the command line."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Final

from realmodel.costs.device_costs import DeviceCosts
from realmodel.runs.numbers import amount, number
from theory import InputError
from theory.choice.cost_model import CostModel
from theory.choice.knapsack import TOLERANCE

OBJECTIVES: Final = ("gain", "parameters", "time", "memory", "serving")
UNITS: Final = {
    "seconds": {"s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "μs": 1e-6},
    "bytes": {"B": 1.0, "kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9, "MiB": 2.0**20, "GiB": 2.0**30},
    "operations": {"FLOP": 1.0, "kFLOP": 1e3, "MFLOP": 1e6, "GFLOP": 1e9, "TFLOP": 1e12},
    "parameters": {"": 1.0, "k": 1e3, "M": 1e6, "B": 1e9},
}


@dataclass(frozen=True)
class Budget:
    """The largest gain is sought within ``value`` of ``objective``'s cost.

    Parameters
    ----------
    objective : str
        ``gain``: a number of layers; ``parameters``, ``time``, ``memory``, ``serving``: that cost.
    value : float
        Layers (or kinds, or modules), or the unit of the cost.
    text : str
        In words.
    cost : CostModel or None
        That it limits, of whole layers; ``None`` of ``gain``, which counts.
    """

    objective: str
    value: float
    text: str
    cost: CostModel | None = None

    def spent(self, layers: Sequence[int]) -> float:
        """What these layers (positions) take of it."""
        return float(len(layers)) if self.cost is None else self.cost.of(layers)

    def admits(self, layers: Sequence[int]) -> bool:
        """Whether they keep within it."""
        return self.spent(layers) <= self.value * (1 + TOLERANCE)

    @classmethod
    def parse(
        cls,
        objective: str,
        text: str | float,
        costs: DeviceCosts,
        *,
        unit: str = "layer",
        count: int | None = None,
    ) -> "Budget":
        """Read a number of layers or a cost.

        ``gain`` takes ``4``, ``4layers`` or ``50%`` of the layers. A cost takes ``60%`` of what
        adapting every layer costs, or an amount with its unit (``80ms``, ``1.5GB``, ``1.2M``
        parameters): a bare number could mean either, but for a number of parameters.

        Parameters
        ----------
        objective : str
        text : str or float
        costs : DeviceCosts
        unit : str
            What is counted: ``layer``, ``kind`` or ``module``.
        count : int, optional
            How many of them there are; the layers of ``costs`` by default.

        Raises
        ------
        InputError
            Unknown objective, unreadable amount, no unit or one of another kind, nothing to
            spend, or a serving cost that no placement changes.
        """
        if objective not in OBJECTIVES:
            raise InputError(f"unknown objective {objective!r}: choose {', '.join(OBJECTIVES)}")
        text = _amount(text)
        read = re.fullmatch(r"\s*([0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)\s*([%\wµ]*)\s*", text)
        value = float(read[1]) if read is not None else math.nan
        if read is None or not math.isfinite(value):
            raise InputError(f"budget {text[:40]!r} is not an amount: try 4, 60%, 80ms or 1.5GB")
        if objective == "gain":
            return cls._count(text, value, read[2], unit, count or len(costs.time.per_layer))
        # SGLang wraps the kinds that are adapted.
        by_kind = costs.engine == "sglang" and unit != "layer"
        if objective == "serving" and not (any(costs.serving.per_layer) or by_kind):
            raise no_choice(costs, unit)
        return cls._cost(objective, text, value, read[2], costs)

    @classmethod
    def _count(cls, text: str, value: float, suffix: str, unit: str, count: int) -> "Budget":
        if suffix == "%":
            value = math.floor(value * count / 100)
        elif suffix not in ("", unit, f"{unit}s") or value != int(value):
            raise InputError(f"budget {text!r} of objective gain is a number of {unit}s")
        if not 1 <= value <= count:
            raise InputError(
                f"budget {text!r} admits {value:.0f} {unit}s: choose between 1 and {count}"
            )
        return cls("gain", value, f"{int(value)} {unit}{'s' if value > 1 else ''}")

    @classmethod
    def _cost(
        cls, objective: str, text: str, value: float, suffix: str, costs: DeviceCosts
    ) -> "Budget":
        unit, everything = costs.unit(objective), costs.everything(objective)
        scales = UNITS[unit.split()[0]]
        if suffix in ("layer", "layers"):
            raise InputError(
                f"budget {text!r}: objective gain counts layers, {objective} takes a share such as "
                f"50% or an amount such as {amount(everything / 2, unit).replace(' ', '')}"
            )
        if not suffix and ("" not in scales or value <= 1):
            share = 100 * value if value <= 1 else value
            raise InputError(
                f"budget {text!r} of objective {objective} has no unit: write {share:g}% for a "
                "share of adapting every layer, or an amount such as "
                f"{amount(everything / 2, unit).replace(' ', '')}"
            )
        if suffix == "%":
            value = value / 100 * everything
        elif suffix in scales:
            value *= scales[suffix]
        else:
            raise InputError(
                f"budget {text!r}: {objective} is counted in {unit} on this card; units are "
                f"{', '.join(filter(None, scales))}, or % of adapting every layer"
            )
        if not 0 < value < math.inf:
            raise InputError(f"budget {text!r} admits nothing: it must be above 0, and finite")
        share = value / everything if everything else 1.0
        noun = "parameters" if objective == "parameters" else f"of {objective}"
        words = f"{amount(value, unit)} {noun} ({number(100 * share)}% of every layer"
        beyond = "; more than adapting every layer costs, so it limits nothing"
        text = words + (beyond if share > 1 else "") + ")"
        return cls(objective, value, text, costs.of(objective))


def _amount(given: object) -> str:
    """What was given, as text: a number says the same as its digits."""
    if isinstance(given, bool) or not isinstance(given, str | Real):
        raise InputError(f"budget {given!r:.40} is not an amount: try 4, 60%, 80ms or 1.5GB")
    return given if isinstance(given, str) else f"{float(given):.15g}"


def no_choice(costs: DeviceCosts, unit: str = "layer") -> InputError:
    """Why a serving budget cannot choose between placements."""
    if costs.engine in ("vllm", "sglang"):
        whole = amount(costs.everything("serving"), costs.unit("serving"))
        reason = (
            f"{costs.engine} computes every wrapped module of every layer, {whole} a token by its "
            "kernels, whichever layers are adapted"
        )
    elif costs.engine == "merged":
        reason = "merged adapters cost nothing"
    else:
        reason = "no slowdown by adapters was measured"
    return InputError(
        f"objective serving cannot choose {unit}s here: {reason}; choose gain, parameters, time or "
        "memory"
    )
