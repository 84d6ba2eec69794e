"""The card's format: a version, a JSON schema in the package, and one strict reader."""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final

from jsonschema import Draft202012Validator, ValidationError
from jsonschema.validators import extend

from realmodel.card.consistency import contradictions
from theory import InputError
from theory.read_json import parse_json

FORMAT: Final = "layercard"
VERSION: Final = 2


@cache
def schema() -> Mapping[str, Any]:
    """The JSON schema (draft 2020-12) of the card's current version."""
    text = files("realmodel.card").joinpath("layer_card.schema.json").read_text(encoding="utf-8")
    loaded: Mapping[str, Any] = json.loads(text)
    return loaded


def parse_card(text: str, source: str) -> Mapping[str, Any]:
    """Parse and validate a card.

    Parameters
    ----------
    text : str
        JSON text.
    source : str
        Where it comes from, for the message.

    Raises
    ------
    InputError
        If it is not JSON, holds NaN or infinity, is no card, is newer than this package, breaks
        the schema, or its sections contradict each other; the message names the offending field.
    """
    return check_card(parse_json(text, source, "card"), source)


def check_card(record: Any, source: str) -> Mapping[str, Any]:
    """The same for a value that is parsed already."""
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise InputError(f'{source!r} is not a card: it has no "format": "{FORMAT}"')
    version = record.get("version")
    if isinstance(version, int) and version > VERSION:
        raise InputError(
            f"{source!r} is a card of version {version}, this layercard reads up to {VERSION}: "
            "upgrade layercard or measure the card again"
        )
    error = next(_validator().iter_errors(record), None)
    if error is not None:
        where = "/".join(str(part) for part in error.absolute_path) or "top level"
        raise InputError(f"{source!r} is not a valid card: at {where}: {error.message[:200]}")
    clause = next(contradictions(record), None)
    if clause is not None:
        raise InputError(f"{source!r} is not a consistent card: {clause}")
    return record


@cache
def _validator() -> Any:
    """JSON's ``8.0`` is no integer here: Python would count with it."""
    base = Draft202012Validator
    whole = base.TYPE_CHECKER.redefine("integer", lambda checker, value: type(value) is int)
    items = base.VALIDATORS["items"]

    def quick(validator: Any, own: Any, array: Any, whole: Any) -> Iterator[ValidationError]:
        # A matrix holds hundreds of thousands of numbers: no call for each.
        if own == {"type": "number"} and set(map(type, array)) <= {float, int}:
            return
        yield from items(validator, own, array, whole)

    return extend(base, {"items": quick}, type_checker=whole)(schema())
