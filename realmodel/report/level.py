"""The scale on which gains are shown: the model's own, or what a pilot has made of it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from realmodel.card.predictor import PredictorName
from realmodel.card.saturation import Saturation

if TYPE_CHECKING:
    from realmodel.card.layer_card import LayerCard
    from realmodel.placement.frontier import FrontPoint


@dataclass(frozen=True)
class Level:
    """Gains of the model on the scale that is shown: calibrated where the card has a pilot.

    Attributes
    ----------
    curve : Saturation or None
        From the model's gain to the one that is expected.
    promised : float
        The model's gain of the chosen layers.
    """

    curve: Saturation | None
    promised: float

    @classmethod
    def of(cls, card: "LayerCard", predictor: PredictorName, promised: float) -> "Level":
        """The scale of a choice that was made on a card by one of its models."""
        return cls(card.saturation(predictor), promised)

    def gain(self, promised: float) -> float:
        """Expected of a set that the model promises this."""
        return promised if self.curve is None else self.curve.gain(promised)

    @property
    def chosen(self) -> float:
        """Expected of the chosen layers."""
        return self.gain(self.promised)

    def shown(self, point: "FrontPoint") -> dict[str, Any]:
        """A point's record, with its gain and the sampling error of that on this scale."""
        error = point.gain_error
        if error is not None:
            up, down = point.gain + error, max(point.gain - error, 0.0)
            error = (self.gain(up) - self.gain(down)) / 2
        return point.to_dict() | {"gain": self.gain(point.gain), "gain_error": error}

    def change(self, by: float) -> str:
        """What it makes, as a share of the gain, that the model's gain is more or less by this."""
        return share(abs(self.gain(max(self.promised + by, 0.0)) - self.chosen), self.chosen)


def share(part: float, whole: float) -> str:
    """A part in percent, with two digits below ten.

    >>> share(1.0, 3.0), share(0.004, 1.0), share(1.0, 0.0)
    ('33%', '0.4%', '0%')
    """
    value = 100 * part / whole if whole > 0 else 0.0
    return f"{value:.0f}%" if abs(value) >= 10 or value == 0 else f"{value:.2g}%"
