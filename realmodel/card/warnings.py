"""What a card says against its own numbers, in sentences."""

from realmodel.card.layer_card import LayerCard
from realmodel.card.predictor import PredictorName

EDITED = "This card was edited after it was measured: its digest is not that of its numbers."


def boasting(card: LayerCard) -> str | None:
    """What is wrong with a tangent model that promises more than the whole loss, or ``None``."""
    model = card.tangent
    if model is None or card.pilot is not None or is_forecast(card, "tangent"):
        return None
    return (
        f"That is more than the whole loss: {model.protocol['sequences']:.0f} sequences are "
        "too few for its level, take it for the order alone."
    )


def is_forecast(card: LayerCard, predictor: PredictorName | None = None) -> bool:
    """Whether the level of a model's gains can come true.

    With a pilot it is calibrated; without one, all layers must gain no more than the loss.
    """
    loss = card.data["loss"]
    if card.pilot is not None and predictor != "gauss-newton":
        return card.refusal is None
    return loss is None or card.predictor(predictor).quadratic.gain() <= loss
