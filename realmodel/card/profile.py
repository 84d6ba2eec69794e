"""The card's rows: a module (one linear) and a layer (one transformer block)."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from realmodel.card.measures import Measures
from theory.arrays import Array, Float64


@dataclass(frozen=True, eq=False)
class ModuleProfile:
    """One adapted linear.

    Attributes
    ----------
    name : str
        Full name inside the model, as peft's ``target_modules`` takes it.
    layer : int
        Index of its transformer block, from 0.
    kind : str
        Name within the block, such as ``attn.c_attn``.
    in_features, out_features : int
    input_group : str
        Modules of one group read the same input, whose moment is stored once.
    transposed : bool
        Weight stored (in, out): GPT-2's ``Conv1D``.
    measures : Measures
    singular_values : array of shape (k,)
        Of the whitened gradient, descending: what each further rank is worth (3c).
    """

    name: str
    layer: int
    kind: str
    in_features: int
    out_features: int
    input_group: str
    transposed: bool
    measures: Measures
    singular_values: Float64[Array, " k"] = field(default_factory=lambda: np.zeros(0))

    def to_dict(self) -> dict[str, Any]:
        """Flat JSON mapping."""
        return {
            "name": self.name,
            "layer": self.layer,
            "kind": self.kind,
            "in_features": self.in_features,
            "out_features": self.out_features,
            "input_group": self.input_group,
            "transposed": self.transposed,
            "singular_values": self.singular_values.tolist(),
        } | self.measures.to_dict()

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> "ModuleProfile":
        """Rebuild from the JSON mapping."""
        return cls(
            name=record["name"],
            layer=record["layer"],
            kind=record["kind"],
            in_features=record["in_features"],
            out_features=record["out_features"],
            input_group=record["input_group"],
            transposed=record["transposed"],
            measures=Measures.from_dict(record),
            singular_values=np.asarray(record["singular_values"], dtype=np.float64),
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
