"""What a card says against its own numbers, in sentences."""

from realmodel.card.layer_card import LayerCard
from realmodel.card.predictor import PredictorName
from realmodel.runs.numbers import number

EDITED = "This card was edited after it was measured: its digest is not that of its numbers."


def caveats(card: LayerCard, predictor: PredictorName | None = None) -> tuple[str, ...]:
    """Everything that must stand beside a choice made by this model of the card."""
    boast = boasting(card, predictor)
    return (*((EDITED,) if card.edited else ()), *(() if boast is None else (boast,)))


def boasting(card: LayerCard, predictor: PredictorName | None = None) -> str | None:
    """What is wrong with a model that promises more than the whole loss, or ``None``."""
    model, loss = card.predictor(predictor), card.data["loss"]
    if is_forecast(card, predictor):
        return None
    few = f"{model.protocol['sequences']:.0f} sequences are" if model.protocol else "they are"
    return (
        f"All layers promise {number(model.quadratic.gain())} nats per token, more than the whole "
        f"loss of {number(loss)}: {few} too few for the level, take it for the order alone."
    )


def is_forecast(card: LayerCard, predictor: PredictorName | None = None) -> bool:
    """Whether the level of a model's gains can come true: all layers gain no more than the loss."""
    loss = card.data["loss"]
    return loss is None or card.predictor(predictor).quadratic.gain() <= loss
