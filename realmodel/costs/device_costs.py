"""Costs of any placement on one device: time, memory, serving latency, parameters."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar

from realmodel.costs.checkpointing import Checkpointing
from theory import InputError
from theory.choice.cost_model import CostModel


@dataclass(frozen=True)
class DeviceCosts:
    """The costs that a budget can limit, each ``base + per_depth (L - min S) + sum_S c_l``.

    Layers are positions on the card, not block indices.

    Parameters
    ----------
    time : theory.CostModel
        One training step (seconds when calibrated, otherwise floating-point operations).
    memory : theory.CostModel
        Bytes that one training step needs at its highest beyond the model's weights: activations,
        gradients, adapters and AdamW's state.
    serving : theory.CostModel
        Added to one decoded token by unmerged adapters (seconds, or operations).
    parameters : theory.CostModel
        Trainable parameters.
    rank : int
        LoRA rank that the costs are for.
    tokens : int
        Tokens in one training step.
    calibrated : bool
        Whether time, memory and serving were measured on ``device``.
    device : str
        Where, in words.
    residual, memory_residual : float or None
        Largest relative error of the calibrated time, and of the measured part of the memory, on
        the placements that they were fitted to.
    gradient_checkpointing : str
        ``none``, ``reentrant`` or ``non-reentrant``: what the training step used.
    batch : tuple of int or None
        Sequences of the training step and their padded length; ``None`` where it was not run.
    engine : str
        Whose serving cost it is (:mod:`realmodel.costs.serving`).
    fixed_share : float
        Part of an adapted layer's time that goes by the number of its modules; the rest goes by
        their parameters (:mod:`realmodel.costs.module_costs`).
    packing : int or None
        Tokens of a row into which the run packs its sequences; ``None``: each is padded.
    """

    time: CostModel
    memory: CostModel
    serving: CostModel
    parameters: CostModel
    rank: int
    tokens: int
    calibrated: bool
    device: str
    residual: float | None = None
    memory_residual: float | None = None
    gradient_checkpointing: Checkpointing = "none"
    batch: tuple[int, int] | None = None
    engine: str = "hf"
    fixed_share: float = 0.0
    packing: int | None = None

    KINDS: ClassVar[tuple[str, ...]] = ("time", "memory", "serving", "parameters")

    def __post_init__(self) -> None:
        """Check that the four costs speak of the same layers."""
        depths = {kind: len(self.of(kind).per_layer) for kind in self.KINDS}
        if len(set(depths.values())) != 1:
            raise InputError(f"the costs speak of different numbers of layers: {depths}")
        if self.rank < 1 or self.tokens < 1:
            raise InputError(f"rank {self.rank} and tokens {self.tokens} must be at least 1")
        if not 0 <= self.fixed_share <= 1:
            raise InputError(f"fixed_share must lie between 0 and 1, not {self.fixed_share}")

    def of(self, kind: str) -> CostModel:
        """One of the costs by name."""
        if kind not in self.KINDS:
            raise InputError(f"unknown cost {kind!r}: choose one of {', '.join(self.KINDS)}")
        cost: CostModel = getattr(self, kind)
        return cost

    def unit(self, kind: str) -> str:
        """Unit of a cost."""
        measured = self.calibrated and not (kind == "serving" and self.engine != "hf")
        work = "seconds" if measured else "operations"
        return {"time": f"{work} per step", "memory": "bytes per step"}.get(
            kind, f"{work} per token" if kind == "serving" else "parameters"
        )

    @property
    def step_title(self) -> str:
        """The training step in words."""
        shape = f"{self.tokens} tokens"
        if self.packing is not None:
            shape += f", packed into rows of {self.packing}"
        elif self.batch is not None:
            shape = f"{self.batch[0]} sequences padded to {self.batch[1]} tokens"
        if self.gradient_checkpointing == "none":
            return f"{shape}, no gradient checkpointing"
        return f"{shape}, {self.gradient_checkpointing} gradient checkpointing"

    @property
    def packed_run(self) -> dict[str, int]:
        """What a trainer is told of packing: tokens of a row and rows of a step; else nothing."""
        if self.packing is None or self.batch is None:
            return {}
        return {"packing": self.packing, "packed_rows": self.batch[0]}

    def everything(self, kind: str) -> float:
        """Cost of adapting every layer."""
        return self.of(kind).of(range(len(self.time.per_layer)))

    def record(self, positions: Sequence[int]) -> dict[str, float]:
        """All four costs of a placement, and each as a share of adapting every layer."""
        costs = {kind: self.of(kind).of(positions) for kind in self.KINDS}
        return costs | self.shares(costs)

    def shares(self, costs: Mapping[str, float]) -> dict[str, float]:
        """Costs by name as shares of adapting every layer."""
        return {
            f"{kind}_share": value / whole if (whole := self.everything(kind)) > 0 else 1.0
            for kind, value in costs.items()
        }

    def to_dict(self) -> dict[str, Any]:
        """JSON mapping."""
        costs = {
            kind: {
                "per_layer": list(cost.per_layer),
                "base": cost.base,
                "per_depth": cost.per_depth,
                "unit": self.unit(kind),
            }
            for kind, cost in ((kind, self.of(kind)) for kind in self.KINDS)
        }
        return asdict(self) | costs | {"batch": None if self.batch is None else list(self.batch)}

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> "DeviceCosts":
        """Rebuild from the JSON mapping."""
        costs = {
            kind: CostModel(
                tuple(float(cost) for cost in record[kind]["per_layer"]),
                base=float(record[kind]["base"]),
                per_depth=float(record[kind]["per_depth"]),
            )
            for kind in cls.KINDS
        }
        own: dict[str, Any] = {f.name: record[f.name] for f in fields(cls) if f.name in record}
        own |= costs
        if own.get("batch") is not None:
            own["batch"] = (own["batch"][0], own["batch"][1])
        # Cards of before went by the number of modules where they were measured.
        own.setdefault("fixed_share", float(record["calibrated"]))
        return cls(**own)
