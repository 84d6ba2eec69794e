"""What a card says against its own numbers, in sentences."""

from realmodel.card.layer_card import LayerCard
from realmodel.card.predictor import PredictorName
from realmodel.runs.numbers import number
from theory import InputError

EDITED = "This card was edited after it was measured: its digest is not that of its numbers."


def caveats(card: LayerCard, predictor: PredictorName | None = None) -> tuple[str, ...]:
    """Everything that must stand beside a choice made by this model of the card."""
    boast = boasting(card, predictor)
    refused = None if card.refusal is None else f"The pilot refuses to rank: {card.refusal}."
    found = (EDITED if card.edited else None, refused, boast)
    return tuple(caveat for caveat in found if caveat is not None)


def check_ranked(card: LayerCard, *, force: bool) -> None:
    """Refuse to rank on a card whose pilot refuses to, unless forced.

    Raises
    ------
    InputError
        With the pilot's reason.
    """
    if not force and card.refusal is not None:
        raise InputError(
            f"this card ranks no layers: {card.refusal}, and measure the card again (or force a "
            "ranking, which means little here)"
        )


def boasting(card: LayerCard, predictor: PredictorName | None = None) -> str | None:
    """What is wrong with a model that promises more than the whole loss, or ``None``."""
    model, loss = card.predictor(predictor), card.data["loss"]
    if is_forecast(card, predictor) or (card.pilot is not None and model.name != "gauss-newton"):
        return None
    few = f"{model.protocol['sequences']:.0f} sequences are" if model.protocol else "they are"
    return (
        f"All layers promise {number(model.quadratic.gain())} nats per token, more than the whole "
        f"loss of {number(loss)}: {few} too few for the level, take it for the order alone."
    )


def is_forecast(card: LayerCard, predictor: PredictorName | None = None) -> bool:
    """Whether the level of a model's gains can come true.

    With a pilot it is calibrated; without one, all layers must gain no more than the loss.
    """
    loss = card.data["loss"]
    if card.pilot is not None and predictor != "gauss-newton":
        return card.refusal is None
    return loss is None or card.predictor(predictor).quadratic.gain() <= loss
