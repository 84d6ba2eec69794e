"""A placement on disk: which modules, at which rank, and for which run."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from realmodel.model.lora_protocol import FinetuneOptions
from theory import InputError
from theory.read_json import read_json


@dataclass(frozen=True)
class SavedPlacement:
    """What a training run needs of a placement.

    Attributes
    ----------
    source : str
        File it was read from.
    model, digest : str
        Checkpoint that it was chosen for.
    layers : tuple of int
        Block indices.
    ranks : mapping of str to int
        Rank by full module name, each at least 1.
    protocol : FinetuneOptions
        The training run that the gain was predicted for.
    predicted_gain : float
        Nats per completion token; calibrated where the card has a pilot.
    predictor : str
        ``tangent`` or ``gauss-newton``.
    tasks : int
        For how many tasks it was chosen.
    whole_gain, whole_trained : float or None
        Of all layers: predicted, and gained by training in the same run; ``None`` where the
        placement does not know.
    """

    source: str
    model: str
    digest: str
    layers: tuple[int, ...]
    ranks: Mapping[str, int]
    protocol: FinetuneOptions
    predicted_gain: float
    predictor: str
    tasks: int = 1
    whole_gain: float | None = None
    whole_trained: float | None = None

    @classmethod
    def load(cls, path: str | Path) -> "SavedPlacement":
        """Read ``placement.json``.

        Raises
        ------
        InputError
            If it cannot be read, is no placement, or was written without the protocol.
        """
        record = read_json(path, "placement")
        try:
            config, chosen = record["lora_config"], record["placement"]
            names = [str(name) for name in config["target_modules"]]
            pattern = dict(config["rank_pattern"])
            ranks = {name: pattern.pop(name, config["r"]) for name in names}
            planned, whole = record["protocol"], record.get("whole", {})
            if planned is None:
                raise InputError("its card does not say which run it plans: measure the card again")
            found = cls(
                source=str(path),
                model=str(record["model"]["source"]),
                digest=str(record["model"]["digest"]),
                layers=tuple(chosen["layers"]),
                ranks=ranks,
                protocol=FinetuneOptions.from_planned(planned),
                predicted_gain=float((chosen.get("forecast") or chosen)["gain"]),
                predictor=str(record["predictor"]),
                tasks=max(1, len(record.get("tasks", ()))),
                whole_gain=_gain((whole.get("forecast") or whole).get("gain")),
                whole_trained=_gain(record.get("whole_trained")),
            )
        except InputError as error:
            raise InputError(f"{str(path)!r}: {error}") from error
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(
                f"{str(path)!r} is not a placement of layercard place: {error!r}"
            ) from error
        found._check(pattern)
        return found

    def _check(self, unused: Mapping[str, Any]) -> None:
        wrong = [
            name
            for name, rank in self.ranks.items()
            if type(rank) is not int or not 1 <= rank <= 65_536
        ]
        layers = [layer for layer in self.layers if type(layer) is not int]
        if wrong or layers or unused or not self.ranks:
            first = next(iter([*wrong, *layers, *unused, "no module"]))
            raise InputError(
                f"{self.source!r} is not a consistent placement: at {first!r:.80}; place again"
            )

    @property
    def other_ranks(self) -> dict[str, int]:
        """Modules of another rank than the protocol's."""
        return {name: rank for name, rank in self.ranks.items() if rank != self.protocol.rank}

    def not_comparable(self, ran: FinetuneOptions, digest: str) -> str | None:
        """Why the predicted gain is not of this run, or ``None`` where it is.

        Parameters
        ----------
        ran : FinetuneOptions
            The protocol that was trained.
        digest : str
            Of the checkpoint that was trained.
        """
        if self.tasks > 1:
            return f"it was chosen for {self.tasks} tasks"
        if self.predictor == "gauss-newton":
            return "it is predicted without a limit on steps"
        if digest != self.digest:
            return "it is predicted for another checkpoint"
        if self.other_ranks:
            return f"it is predicted for rank {self.protocol.rank} in every module"
        return self.protocol.differences(ran)


def _gain(value: Any) -> float | None:
    return None if value is None else float(value)
