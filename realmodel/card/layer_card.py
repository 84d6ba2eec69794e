"""The Layer Card: what was measured on one model and one task, in one file."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, get_args

from realmodel.card.additivity_record import additivity_record
from realmodel.card.certified import DEFAULT_SIZE, Certified, best_of_size, certified
from realmodel.card.coupling import Coupling, coupling
from realmodel.card.digest import card_digest
from realmodel.card.module_model import FILE, ModuleModel
from realmodel.card.pilot import Forecast, Pilot
from realmodel.card.predictor import ABSENT, Predictor, PredictorName
from realmodel.card.profile import LayerProfile, ModuleProfile
from realmodel.card.saturation import Saturation
from realmodel.card.schema import FORMAT, VERSION, check_card, parse_card
from realmodel.card.trials import SPREAD, Trials
from realmodel.costs.adapter_cost import adapter_cost
from realmodel.costs.device_costs import DeviceCosts
from realmodel.measure.replicates import Replicates
from realmodel.model.lora_protocol import FinetuneOptions
from realmodel.model.modules import AdaptedModule
from theory import BlockQuadratic, InputError
from theory.read_json import read_json
from theory.whole_file import write_whole


@dataclass(frozen=True)
class LayerCard:
    """Everything that placements, bounds, figures and exports need, without the model.

    Attributes
    ----------
    model : mapping
        ``source``, ``digest``, ``architecture``, ``dtype``, ``layers``, ``parameters``.
    data : mapping
        ``source``, ``digest``, ``examples``, ``tokens``, ``completion_tokens``, ``loss``.
    options : mapping
        How it was measured: ``seed``, ``directions``, ``rank``, ``alpha``, ``ridge`` and so on.
    versions : mapping of str
        Packages and platform.
    module_profiles : tuple of ModuleProfile
        In forward order; :attr:`modules` are what they are of.
    layers : tuple of LayerProfile
        Ascending in their block index; a *position* below is an index into this tuple.
    costs : DeviceCosts
    created : str
        Time of measurement, ISO 8601, UTC.
    tangent : Predictor or None
        The model of what a budget of training steps reaches; its replicates in ``tangent.npz``.
        None only on cards of older versions.
    gauss_newton : Predictor or None
        The exact quadratic in a few directions per module, where it was asked for; its replicates
        in ``quadratic.npz``.
    intervals : tuple of mapping
        Brackets of the gain of whole layers, every weight free, where they were asked for.
    measured : tuple of mapping
        Fine-tuning runs on this model and task, where ``layercard finetune`` has run.
    protocol : FinetuneOptions or None
        The training run that is planned: what the tangent model predicts, and what a placement
        carries on. ``None`` on older cards that do not say.
    module_model : ModuleModel or None
        The tangent model by module, in ``modules.npz``; None on older cards, and where that file
        is not beside the card.
    pilot : Pilot or None
        Two short runs that calibrate the tangent model's gains, where they were asked for.
    trials : Trials or None
        Short runs of single layers that correct it, where they were asked for.
    edited : bool
        Whether the file that it was read from had been changed by hand.
    """

    model: Mapping[str, Any]
    data: Mapping[str, Any]
    options: Mapping[str, Any]
    versions: Mapping[str, str]
    module_profiles: tuple[ModuleProfile, ...]
    layers: tuple[LayerProfile, ...]
    costs: DeviceCosts
    created: str
    tangent: Predictor | None = None
    gauss_newton: Predictor | None = None
    intervals: tuple[Mapping[str, Any], ...] = field(default=())
    measured: tuple[Mapping[str, Any], ...] = field(default=())
    protocol: FinetuneOptions | None = None
    module_model: ModuleModel | None = None
    pilot: Pilot | None = None
    trials: Trials | None = None
    edited: bool = False

    def __post_init__(self) -> None:
        """Check that the sections speak of the same layers."""
        indices = [profile.layer for profile in self.layers]
        if not indices or indices != sorted(set(indices)):
            raise InputError(f"layers must be ascending and not empty, got {indices}")
        models = [model for model in (self.tangent, self.gauss_newton) if model is not None]
        if not models:
            raise InputError("a card needs a quadratic model: tangent or Gauss-Newton")
        priced = len(self.costs.time.per_layer)
        for model in models:
            if not len(indices) == model.quadratic.layers == priced:
                raise InputError(
                    f"{len(indices)} layers, {model.quadratic.layers} blocks of the {model.name} "
                    f"model and {priced} costs do not agree"
                )
        if self.module_model is not None and self.module_model.modules != len(self.modules):
            raise InputError(
                f"{len(self.modules)} modules and {self.module_model.modules} blocks of the "
                "modules' model do not agree"
            )
        named = [name for profile in self.layers for name in profile.modules]
        if sorted(named) != sorted(module.name for module in self.modules):
            raise InputError("the layers' modules are not the modules of the card")

    @cached_property
    def modules(self) -> tuple[AdaptedModule, ...]:
        """The measured linears, in forward order."""
        return tuple(profile.module for profile in self.module_profiles)

    @property
    def quadratic(self) -> BlockQuadratic:
        """Local model of the loss (nats per completion token), one block per layer.

        The default predictor's: coupling, additivity and placements all speak of it.
        """
        return self.predictor().quadratic

    @property
    def stepped(self) -> Predictor:
        """The model that knows of steps: the tangent model, where the card has it."""
        return self.predictor("tangent" if self.tangent is not None else None)

    @cached_property
    def additive_steps(self) -> int | None:
        """Steps of the planned kind up to which the paper's regime holds (docs/theory.md 11)."""
        return self.stepped.additive_steps

    @cached_property
    def certain_steps(self) -> int | None:
        """The same without a measurement of the coupling, from the layers' curvatures alone."""
        model = self.stepped
        return None if model.budget is None else model.steps_within(model.budget.certain_budget)

    @cached_property
    def certificate(self) -> Certified:
        """The best layers of the default size, a bound on all others, and every layer's price."""
        size = min(DEFAULT_SIZE, len(self.layers))
        return certified(self.quadratic, best_of_size(self.quadratic, size), self.indices)

    @cached_property
    def coupling(self) -> Coupling:
        """Interaction between layers."""
        return coupling(self.quadratic)

    @cached_property
    def additivity(self) -> dict[str, Any]:
        """Bounds on the joint gain of all layers, paper form and signed form."""
        return additivity_record(self.quadratic)

    @property
    def indices(self) -> tuple[int, ...]:
        """Block index of each position."""
        return tuple(profile.layer for profile in self.layers)

    def positions(self, layers: tuple[int, ...]) -> tuple[int, ...]:
        """Positions of block indices; refuses those that the card does not have."""
        where = {layer: position for position, layer in enumerate(self.indices)}
        missing = [layer for layer in layers if layer not in where]
        if missing:
            named = f"{missing[:6]}"[:-1] + (", ...]" if len(missing) > 6 else "]")
            raise InputError(
                f"layers {named} are not on the card: it has {self.indices[0]}"
                f"..{self.indices[-1]} ({len(where)} layers)"
            )
        return tuple(where[layer] for layer in layers)

    def modules_of(self, layers: tuple[int, ...]) -> tuple[str, ...]:
        """Full names of the adapted linears of the block indices ``layers``."""
        return tuple(
            name for position in self.positions(layers) for name in self.layers[position].modules
        )

    def predictor(self, name: PredictorName | None = None) -> Predictor:
        """The model that predicts gains: by default the tangent model, where it was measured,
        corrected by runs of single layers where these were made and the pilot refuses nothing.

        Raises
        ------
        InputError
            When a model is asked for that the card does not have.
        """
        if name is not None and name not in get_args(PredictorName):
            raise InputError(
                f"unknown predictor {name!r}: choose {', '.join(get_args(PredictorName))}"
            )
        if name == "gauss-newton" or (name is None and self.tangent is None):
            if self.gauss_newton is None:
                raise InputError(ABSENT["gauss-newton"])
            return self.gauss_newton
        if self.tangent is None:
            raise InputError(ABSENT["tangent"])
        usable = self.trials is not None and self.refusal is None
        if name == "trials" and not usable:
            raise InputError(ABSENT["trials"])
        return self._tried if usable and name != "tangent" else self.tangent

    @cached_property
    def _tried(self) -> Predictor:
        assert self.trials is not None
        return self.trials.predictor

    def saturation(self, name: PredictorName) -> Saturation | None:
        """From the gain of the model of that name to what comes true, where runs tell."""
        if name == "trials" and self.trials is not None:
            return self.trials.saturation
        return None if self.pilot is None or name != "tangent" else self.pilot.saturation

    @property
    def refusal(self) -> str | None:
        """Why no layers are ranked here: what the pilot found, or ``None``."""
        return None if self.pilot is None else self.pilot.refusal

    def forecast(self, predictor: Predictor, positions: tuple[int, ...]) -> Forecast | None:
        """What training these positions will gain; ``None`` without a pilot of that model.

        Parameters
        ----------
        predictor : Predictor
            Of this card.
        positions : tuple of int
        """
        if self.pilot is None or predictor.name == "gauss-newton":
            return None
        promised, error = predictor.quadratic.gain(positions), predictor.gain_error(positions)
        if predictor.name == "trials":
            curve = self.saturation("trials")
            return self.pilot.forecast(promised, error, curve=curve, spread=SPREAD)
        return self.pilot.forecast(promised, error)

    def with_measured(self, *runs: Mapping[str, Any]) -> "LayerCard":
        """The card with fine-tuning results added."""
        return replace(self, measured=(*self.measured, *runs))

    def to_dict(self) -> dict[str, Any]:
        """The card's JSON mapping (docs/layer_card.md)."""
        predictor = self.predictor()
        error = predictor.gain_error(tuple(range(len(self.layers))))
        record = {
            "format": FORMAT,
            "version": VERSION,
            "created": self.created,
            "model": dict(self.model),
            "data": dict(self.data),
            "options": dict(self.options),
            "versions": dict(self.versions),
            "protocol": None if self.protocol is None else self.protocol.planned(),
            "layers": [self._layer_row(profile) for profile in self.layers],
            "modules": [self._module_row(profile) for profile in self.module_profiles],
            "predictor": predictor.name,
            "certificate": self.certificate.to_dict(),
            "coupling": self.coupling.to_dict()
            | {"additive_steps": self.additive_steps, "certain_steps": self.certain_steps},
            "additivity": self.additivity | {"gain_error": error},
            "quadratic": None if self.gauss_newton is None else self.gauss_newton.to_dict(),
            "tangent": None if self.tangent is None else self.tangent.to_dict(),
            "module_model": None if self.module_model is None else self.module_model.digest,
            "pilot": None if self.pilot is None else self.pilot.to_dict(),
            "trials": None if self.trials is None else self.trials.to_dict(),
            "intervals": [dict(interval) for interval in self.intervals],
            "costs": self.costs.to_dict(),
            "measured": [dict(run) for run in self.measured],
            "edited": self.edited,
        }
        return record | {"digest": card_digest(record)}

    def _module_row(self, profile: ModuleProfile) -> dict[str, Any]:
        own = adapter_cost([profile.module], self.costs.rank)
        return profile.to_dict() | {"cost": own.to_dict()}

    def _layer_row(self, profile: LayerProfile) -> dict[str, Any]:
        own = [module for module in self.modules if module.layer == profile.layer]
        at = self.indices.index(profile.layer)
        cost = adapter_cost(own, self.costs.rank).to_dict()
        return profile.to_dict() | {"cost": cost | {"serving": self.costs.serving.per_layer[at]}}

    def to_json(self) -> str:
        """The card as JSON text."""
        try:
            return json.dumps(self.to_dict(), indent=1, allow_nan=False) + "\n"
        except ValueError as error:
            raise InputError(f"the card holds a number that JSON has not: {error}") from error

    def save(self, path: str | Path) -> Path:
        """Write ``path`` (JSON), and beside it what the card has of ``modules.npz`` and, with
        replicates, ``quadratic.npz`` and ``tangent.npz``.
        """
        path = Path(path)
        text = self.to_json()
        parse_card(text, str(path))
        for name, model in (("quadratic", self.gauss_newton), ("tangent", self.tangent)):
            if model is not None and model.replicates is not None:
                write_whole(path.parent / f"{name}.npz", model.replicates.to_bytes())
        if self.module_model is not None:
            write_whole(path.parent / FILE, self.module_model.to_bytes())
        return write_whole(path, text)

    @classmethod
    def load(cls, path: str | Path) -> "LayerCard":
        """Read a card.

        Raises
        ------
        InputError
            If the file is missing, is not JSON, is no card, is of a newer version, or holds
            values that the schema or the quadratic refuses.
        """
        path = Path(path)
        record = check_card(read_json(path, "card"), str(path))
        stored = {
            name: Replicates.load(path.parent / f"{name}.npz", model["replicates"])
            for name in ("quadratic", "tangent")
            if (model := record.get(name))
        }
        card = cls.from_dict(record, str(path), stored)
        modules = ModuleModel.load(path.parent / FILE, record.get("module_model"))
        return replace(card, module_model=modules)

    @classmethod
    def from_dict(
        cls,
        record: Mapping[str, Any],
        source: str = "card",
        replicates: Mapping[str, Replicates | None] | None = None,
    ) -> "LayerCard":
        """Rebuild from a mapping that the schema accepts, and the replicates by its section."""

        def model(name: PredictorName, section: str) -> Predictor | None:
            if not (own := record.get(section)):
                return None
            return Predictor.from_dict(name, own, (replicates or {}).get(section))

        try:
            tangent = model("tangent", "tangent")
            pilot = Pilot.from_dict(runs) if (runs := record.get("pilot")) else None
            trials = None
            if (tried := record.get("trials")) and pilot is not None and tangent is not None:
                trials = Trials.from_dict(tried, pilot.whole, tangent)
            return cls(
                model=record["model"],
                data=record["data"],
                options=record["options"],
                versions=record["versions"],
                module_profiles=tuple(ModuleProfile.from_dict(row) for row in record["modules"]),
                layers=tuple(LayerProfile.from_dict(row) for row in record["layers"]),
                costs=DeviceCosts.from_dict(record["costs"]),
                created=record["created"],
                tangent=tangent,
                gauss_newton=model("gauss-newton", "quadratic"),
                intervals=tuple(record.get("intervals", ())),
                measured=tuple(record["measured"]),
                protocol=_protocol(record),
                pilot=pilot,
                trials=trials,
                edited=record.get("edited", False)
                or record.get("digest", card_digest(record)) != card_digest(record),
            )
        except ValueError as error:
            raise InputError(f"{source!r} is not a consistent card: {error}") from error


def _protocol(record: Mapping[str, Any]) -> FinetuneOptions | None:
    """As the card says; an older one says it of its tangent model, or not at all."""
    planned = record.get("protocol") or (record.get("tangent") or {}).get("protocol")
    return None if planned is None else FinetuneOptions.from_planned(planned)
