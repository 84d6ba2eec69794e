"""Predicted against measured cost of placements that the calibration never ran.

python -m realmodel.bench costs MODEL --data FILE
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from realmodel.costs.calibration import calibrated_costs
from realmodel.costs.checkpointing import CHECKPOINTING, Checkpointing
from realmodel.costs.counted import OPTIMISER_BYTES, by_layer
from realmodel.costs.live_steps import in_rounds, live_steps, median_interval
from realmodel.costs.peak_bytes import peak_bytes
from realmodel.model.batches import Batch
from realmodel.model.modules import find_modules


@dataclass(frozen=True)
class CostRow:
    """One placement: time and memory as shares of adapting every layer, predicted and measured.

    ``time_low`` and ``time_high`` are the 95% interval of the median over rounds.
    """

    checkpointing: str
    placement: str
    layers: tuple[int, ...]
    time_predicted: float
    time_measured: float
    time_low: float
    time_high: float
    memory_predicted: float
    memory_measured: float

    @property
    def error(self) -> float:
        """The larger of the two errors, in points of a hundred."""
        time, memory = self.time_predicted, self.memory_predicted
        return 100 * max(abs(time - self.time_measured), abs(memory - self.memory_measured))

    def to_dict(self) -> dict[str, Any]:
        """JSON mapping."""
        return asdict(self) | {"error_points": self.error}


def placements(depth: int, top: int) -> dict[str, tuple[int, ...]]:
    """Quarters of the layers at the end, at the start and spread out, and the best single one.

    Examples
    --------
    >>> placements(8, top=5)
    {'last': (6, 7), 'first': (0, 1), 'spread': (0, 7), 'top-1': (5,)}
    """
    count = max(2, depth // 4)
    spread = tuple(round(at * (depth - 1) / (count - 1)) for at in range(count))
    return {
        "last": tuple(range(depth - count, depth)),
        "first": tuple(range(count)),
        "spread": spread,
        "top-1": (top,),
    }


def compare_costs(
    model: Any,
    batch: Batch,
    *,
    top: int,
    rank: int = 8,
    packing: int | None = None,
    seconds: float = 20.0,
    rounds: int = 10,
    kinds: Sequence[Checkpointing] = CHECKPOINTING,
    tell: Callable[[str], None] = lambda text: None,
) -> list[CostRow]:
    """Calibrate, then run other placements in turns with all layers: processor time.

    Parameters
    ----------
    model : transformers model
    batch : Batch
        One training step.
    top : int
        Position of the layer of the largest single gain.
    rank, packing, seconds
        As :func:`realmodel.costs.calibration.calibrated_costs`, for each kind.
    rounds : int
        Of the measurement; a time is the median over them of its share of all layers'.
    kinds : sequence of str
        Kinds of checkpointing.
    tell : callable, optional
        Told what runs.
    """
    modules = find_modules(model).modules
    table = list(by_layer(modules).values())
    chosen = placements(len(table), top) | {"all": tuple(range(len(table)))}
    inside = [[module for at in own for module in table[at]] for own in chosen.values()]
    device = next(model.parameters()).device
    batch = batch.to(device)
    rows: list[CostRow] = []
    for kind in kinds:
        tell(f"calibrate, checkpointing {kind}")
        costs = calibrated_costs(
            model,
            modules,
            batch,
            rank=rank,
            gradient_checkpointing=kind,
            packing=packing,
            seconds=seconds,
            clock=time.process_time,
        )
        tell(f"measure, checkpointing {kind}")
        kept = np.zeros(len(chosen))
        with live_steps(model, inside, batch, rank=rank, kind=kind) as steps:
            for at, (positions, step) in enumerate(zip(chosen.values(), steps, strict=True)):
                step()
                state = OPTIMISER_BYTES * costs.parameters.of(positions)
                kept[at] = peak_bytes(step, device) + state
            times = in_rounds(steps, device, time.process_time, seconds=0.0, at_least=rounds)
        shares = times / times[:, [-1]]
        for at, (name, positions) in enumerate(chosen.items()):
            if name == "all":
                continue
            predicted = costs.record(positions)
            rows.append(
                CostRow(
                    kind,
                    name,
                    positions,
                    predicted["time_share"],
                    float(np.median(shares[:, at])),
                    *median_interval(shares[:, at]),
                    predicted["memory_share"],
                    float(kept[at] / kept[-1]),
                )
            )
    return rows


def largest_error(rows: Sequence[CostRow]) -> Mapping[str, float]:
    """Points by kind of checkpointing."""
    found: dict[str, float] = {}
    for row in rows:
        found[row.checkpointing] = max(found.get(row.checkpointing, 0.0), row.error)
    return found
