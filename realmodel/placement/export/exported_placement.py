"""What every export writes: a placement, the checkpoint that it is for, and the planned run."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from realmodel.model.lora_config import ranks_of
from realmodel.model.modules import AdaptedModule
from theory import InputError


@dataclass(frozen=True)
class ExportedPlacement:
    """A placement with what the tools ask beside it.

    Attributes
    ----------
    arguments : mapping
        Of :func:`realmodel.model.lora_config.lora_config_arguments`.
    source, dtype : str
        The checkpoint, as a tool loads it, and its type.
    depth : int
        Transformer blocks of the model.
    modules : mapping of str to (int, str)
        Block index and path inside the block, by full name, of the adapted modules.
    run : mapping
        The planned run (``learning_rate``, ``steps``, ``batch_size``), and where its sequences are
        packed ``packing`` (tokens of a row) and ``packed_rows`` (of a step); empty where it is not
        known.
    """

    arguments: Mapping[str, Any]
    source: str
    dtype: str
    depth: int
    modules: Mapping[str, tuple[int, str]]
    run: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @classmethod
    def of(
        cls,
        arguments: Mapping[str, Any],
        modules: Iterable[AdaptedModule],
        *,
        model: Any,
        source: str,
        dtype: str,
        run: Mapping[str, Any] | None = None,
    ) -> "ExportedPlacement":
        """Look the adapted modules up in a table of all, and count the model's blocks.

        Raises
        ------
        InputError
            If the table lacks a module of the placement.
        """
        table = {module.name: (module.layer, module.kind) for module in modules}
        missing = [name for name in arguments["target_modules"] if name not in table]
        if missing:
            raise InputError(f"the model has no module {missing[0]!r} to adapt")
        chosen = {name: table[name] for name in arguments["target_modules"]}
        name, (layer, kind) = next(iter(chosen.items()))
        depth = len(model.get_submodule(name.removesuffix(f".{layer}.{kind}")))
        return cls(arguments, source, dtype, depth, chosen, dict(run or {}))

    def packed(self, switch: str, length: str, rows: str) -> dict[str, Any]:
        """A tool's own names for packed rows, their length and their number in a step."""
        if "packing" not in self.run:
            return {}
        return {switch: True, length: self.run["packing"], rows: self.run["packed_rows"]}

    @property
    def layers(self) -> tuple[int, ...]:
        """Block indices, ascending."""
        return tuple(sorted({layer for layer, _ in self.modules.values()}))

    @property
    def kinds(self) -> tuple[str, ...]:
        """Paths inside a block, in the order of the first block that has them."""
        return tuple(dict.fromkeys(kind for _, kind in self.modules.values()))

    @property
    def is_product(self) -> bool:
        """Whether every chosen block has every chosen kind: layers times kinds says it all."""
        return len(self.modules) == len(self.layers) * len(self.kinds)

    def refuse_ranks(self, tool: str) -> None:
        """Refuse ranks that differ, for a tool that has one rank.

        Raises
        ------
        InputError
            Naming the tool.
        """
        if self.arguments["rank_pattern"]:
            raise InputError(
                f"{tool} has one rank for every module: it cannot take a rank allocation"
            )

    def whole_alpha(self, tool: str) -> int:
        """``lora_alpha`` for a tool whose configuration has it as an integer.

        Raises
        ------
        InputError
            Where one of the alphas is a fraction.
        """
        alphas = [self.arguments["lora_alpha"], *self.arguments["alpha_pattern"].values()]
        fraction = next((alpha for alpha in alphas if not isinstance(alpha, int)), None)
        if fraction is not None:
            raise InputError(
                f"{tool} takes a whole lora_alpha, not {fraction}: choose another alpha, or "
                "another export"
            )
        return int(alphas[0])

    @property
    def ranks(self) -> dict[str, int]:
        """Rank by full module name."""
        return ranks_of(self.arguments)
