"""What the adapters of one module or layer cost, counted from their shapes."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from realmodel.model.modules import AdaptedModule

ADAPTER_BYTES = 4
"""peft keeps adapters, and what they read, in float32 whatever the base model's type."""


@dataclass(frozen=True)
class AdapterCost:
    """Cost of LoRA adapters; serving latency is part of the calibrated :class:`CostModel`.

    Attributes
    ----------
    parameters : int
        ``r (m + d)``.
    forward_flops : int
        ``2 r (m + d)`` per token.
    backward_flops : int
        ``4 r (m + d)`` per token: gradients of the weights and of the input.
    kept_bytes : int
        Per token: the input, once for all modules that share it, and the ``r`` inner values.
    """

    parameters: int
    forward_flops: int
    backward_flops: int
    kept_bytes: int

    def to_dict(self) -> dict[str, Any]:
        """JSON mapping."""
        return asdict(self)


def adapter_cost(modules: Iterable[AdaptedModule], rank: int) -> AdapterCost:
    """Count the cost of rank-``rank`` adapters on ``modules`` together.

    Examples
    --------
    >>> q, k = (AdaptedModule(name, 0, name, 8, 8, "q", False) for name in "qk")
    >>> adapter_cost([q], rank=2)  # 2 * 16 parameters; 8 inputs and 2 inner values of 4 bytes
    AdapterCost(parameters=32, forward_flops=64, backward_flops=128, kept_bytes=40)
    >>> adapter_cost([q, k], rank=2).kept_bytes  # the shared input counts once
    48
    """
    table = list(modules)
    parameters = sum(rank * (module.in_features + module.out_features) for module in table)
    inputs = {module.input_group: module.in_features for module in table}
    kept = ADAPTER_BYTES * (sum(inputs.values()) + rank * len(table))
    return AdapterCost(parameters, 2 * parameters, 4 * parameters, kept)
