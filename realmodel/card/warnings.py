"""What a card says against its own numbers, in sentences."""

from realmodel.card.layer_card import LayerCard

EDITED = "This card was edited after it was measured: its digest is not that of its numbers."


def boasting(card: LayerCard) -> str | None:
    """What is wrong with a tangent model that promises more than the whole loss, or ``None``."""
    model, loss = card.tangent, card.data["loss"]
    if model is None or loss is None or model.quadratic.gain() <= loss:
        return None
    return (
        f"That is more than the whole loss: {model.protocol['sequences']:.0f} sequences are "
        "too few for its level, take it for the order alone."
    )
