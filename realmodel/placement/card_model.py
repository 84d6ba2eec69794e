"""The model that a card was measured on: is it still the same?"""

from pathlib import Path
from typing import Any

from realmodel.card.layer_card import LayerCard
from realmodel.model.checkpoint import empty_model
from realmodel.model.digest import source_digest
from theory import InputError


def card_model(
    card: LayerCard, source: str | None = None, *, trust_remote_code: bool = False
) -> Any:
    """Skeleton (meta device) of the card's model, after checking that it has not changed.

    Parameters
    ----------
    card : LayerCard
    source : str, optional
        Where the checkpoint is now; by default where the card says.
    trust_remote_code : bool
        Run model code that comes with the checkpoint.

    Raises
    ------
    InputError
        If the checkpoint cannot be found, is another model, or has changed since the card.
    """
    place = str(card.model["source"]) if source is None else source
    folder = Path(place)
    if source is None and not folder.exists() and place.startswith((".", "/", "~")):
        raise InputError(
            f"the card's model {place!r} is not there (seen from this folder): say where it is now"
        )
    model = empty_model(place, trust_remote_code=trust_remote_code)
    check_model(card, model, place)
    digest = source_digest(place)
    if digest is not None and str(card.model["digest"]).startswith("sha256:"):
        check_digest(card, digest, place)
    return model


def check_model(card: LayerCard, model: Any, source: str) -> None:
    """Refuse a model without the card's modules, or with others sizes.

    Raises
    ------
    InputError
        Naming the first difference.
    """
    kind = str(model.config.model_type)
    if kind != card.model["architecture"]:
        raise InputError(
            f"{source!r} is a {kind} model, the card was measured on {card.model['source']!r} "
            f"({card.model['architecture']})"
        )
    shapes = {name: tuple(module.weight.shape) for name, module in _linears(model)}
    for module in card.modules:
        own = (module.out_features, module.in_features)
        expected = own[::-1] if module.transposed else own
        if shapes.get(module.name) != expected:
            found = shapes.get(module.name, "missing")
            raise InputError(
                f"{source!r} is another model than the card's: {module.name} is {found} instead of "
                f"{expected}"
            )


def check_digest(card: LayerCard, digest: str, source: str) -> None:
    """Refuse a checkpoint whose files changed since the card.

    Raises
    ------
    InputError
        With both digests.
    """
    if digest != card.model["digest"]:
        raise InputError(
            f"{source!r} has changed since the card was measured ({digest[:19]}, then "
            f"{str(card.model['digest'])[:19]}): run layercard card again"
        )


def _linears(model: Any) -> list[tuple[str, Any]]:
    return [
        (name, module)
        for name, module in model.named_modules()
        if getattr(getattr(module, "weight", None), "ndim", 0) == 2
    ]
