"""The card's rows: a module (one linear) and a layer (one transformer block)."""

from dataclasses import asdict, dataclass, field, fields
from typing import Any

import numpy as np

from realmodel.card.measures import Measures
from realmodel.model.modules import AdaptedModule
from theory.arrays import Array, Float64


@dataclass(frozen=True, eq=False)
class ModuleProfile:
    """One adapted linear and what was measured of it.

    Attributes
    ----------
    module : AdaptedModule
        Its full name, layer, kind and shape.
    measures : Measures
        Residual norm, gradient norm, moments of the input and gains.
    singular_values : array of shape (k,)
        Of the whitened gradient, descending: what each further rank is worth (3c).
    """

    module: AdaptedModule
    measures: Measures
    singular_values: Float64[Array, " k"] = field(default_factory=lambda: np.zeros(0))

    def to_dict(self) -> dict[str, Any]:
        """Flat JSON mapping."""
        values = {"singular_values": self.singular_values.tolist()}
        return asdict(self.module) | values | self.measures.to_dict()

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> "ModuleProfile":
        """Rebuild from the JSON mapping."""
        return cls(
            AdaptedModule(**{item.name: record[item.name] for item in fields(AdaptedModule)}),
            Measures.from_dict(record),
            np.asarray(record["singular_values"], dtype=np.float64),
        )


@dataclass(frozen=True)
class LayerProfile:
    """One transformer block: the union of its adapted modules.

    Attributes
    ----------
    layer : int
        Index of the block, from 0.
    modules : tuple of str
        Full names of its adapted linears.
    measures : Measures
    """

    layer: int
    modules: tuple[str, ...]
    measures: Measures

    def to_dict(self) -> dict[str, Any]:
        """Flat JSON mapping."""
        return {"layer": self.layer, "modules": list(self.modules)} | self.measures.to_dict()

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> "LayerProfile":
        """Rebuild from the JSON mapping."""
        return cls(record["layer"], tuple(record["modules"]), Measures.from_dict(record))
