"""Predicted against measured cost of placements that the calibration never ran.

python -m realmodel.bench costs MODEL --data FILE
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from realmodel.costs.calibration import adapters, calibrated_costs, training_step
from realmodel.costs.checkpointing import CHECKPOINTING, Checkpointing, checkpointed
from realmodel.costs.counted import OPTIMISER_BYTES, by_layer
from realmodel.costs.device_costs import DeviceCosts
from realmodel.costs.peak_bytes import peak_bytes
from realmodel.measure.attention import attention
from realmodel.model.batches import Batch
from realmodel.model.modules import AdaptedModule, find_modules
from realmodel.runs.stopwatch import fastest


@dataclass(frozen=True)
class CostRow:
    """One placement: time and memory as shares of adapting every layer, predicted and measured."""

    checkpointing: str
    placement: str
    layers: tuple[int, ...]
    time_predicted: float
    time_measured: float
    memory_predicted: float
    memory_measured: float

    @property
    def error(self) -> float:
        """The larger of the two errors, in points of a hundred."""
        time, memory = self.time_predicted, self.memory_predicted
        return 100 * max(abs(time - self.time_measured), abs(memory - self.memory_measured))

    def as_dict(self) -> dict[str, Any]:
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
    seconds: float = 20.0,
    rounds: int = 3,
    kinds: Sequence[Checkpointing] = CHECKPOINTING,
    tell: Callable[[str], None] = lambda text: None,
) -> list[CostRow]:
    """Calibrate, then run other placements: processor time, fastest of several rounds.

    Parameters
    ----------
    model : transformers model
    batch : Batch
        One training step.
    top : int
        Position of the layer of the largest single gain.
    rank, seconds, rounds
        LoRA rank; time for each kind's calibration, and as much for the measurement; visits.
    kinds : sequence of str
        Kinds of checkpointing.
    tell : callable, optional
        Told what runs.
    """
    modules = find_modules(model).modules
    depth = len(by_layer(modules))
    chosen = placements(depth, top) | {"all": tuple(range(depth))}
    rows: list[CostRow] = []
    for kind in kinds:
        tell(f"calibrate, checkpointing {kind}")
        costs = calibrated_costs(
            model,
            modules,
            batch,
            rank=rank,
            gradient_checkpointing=kind,
            seconds=seconds,
            clock=time.process_time,
        )
        tell(f"measure, checkpointing {kind}")
        share = seconds / (len(chosen) * rounds)
        found = [
            {
                name: _measured(model, modules, batch, positions, costs, share)
                for name, positions in chosen.items()
            }
            for _ in range(rounds)
        ]
        best = {
            name: tuple(map(min, zip(*(f[name] for f in found), strict=True))) for name in chosen
        }
        rows += [
            CostRow(
                kind,
                name,
                positions,
                costs.record(positions)["time_share"],
                best[name][0] / best["all"][0],
                costs.record(positions)["memory_share"],
                best[name][1] / best["all"][1],
            )
            for name, positions in chosen.items()
            if name != "all"
        ]
    return rows


def _measured(
    model: Any,
    modules: Sequence[AdaptedModule],
    batch: Batch,
    positions: Sequence[int],
    costs: DeviceCosts,
    seconds: float,
) -> tuple[float, float]:
    layers = list(by_layer(modules))
    device = next(model.parameters()).device
    kind: Any = costs.gradient_checkpointing
    with (
        attention(model, "sdpa"),
        adapters(model, modules, [layers[at] for at in positions], costs.rank) as adapted,
        checkpointed(model, kind),
    ):
        step = training_step(adapted, batch)
        step()
        peak = peak_bytes(step, device)
        best = fastest(step, device, seconds, clock=time.process_time)
    return best, float(peak + OPTIMISER_BYTES * costs.parameters.of(positions))


def largest_error(rows: Sequence[CostRow]) -> Mapping[str, float]:
    """Points by kind of checkpointing."""
    found: dict[str, float] = {}
    for row in rows:
        found[row.checkpointing] = max(found.get(row.checkpointing, 0.0), row.error)
    return found
