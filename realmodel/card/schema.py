"""The card's format: a version, a JSON schema in the package, and one strict reader."""

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final

from jsonschema import Draft202012Validator

from theory import InputError

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
        If it is not JSON, holds NaN or infinity, is no card, is newer than this package, or
        breaks the schema; the message names the offending field.
    """

    def refuse(name: str) -> float:
        raise InputError(f"{source!r} holds {name}, which is no JSON number; measure it again")

    try:
        record = json.loads(text, parse_constant=refuse)
    except json.JSONDecodeError as error:
        raise InputError(f"{source!r} is not a card: invalid JSON, {error}") from error
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise InputError(f'{source!r} is not a card: it has no "format": "{FORMAT}"')
    version = record.get("version")
    if isinstance(version, int) and version > VERSION:
        raise InputError(
            f"{source!r} is a card of version {version}, this layercard reads up to {VERSION}: "
            "upgrade layercard or measure the card again"
        )
    errors = sorted(
        Draft202012Validator(schema()).iter_errors(record), key=lambda error: list(error.path)
    )
    if errors:
        where = "/".join(str(part) for part in errors[0].absolute_path) or "top level"
        raise InputError(f"{source!r} is not a valid card: at {where}: {errors[0].message[:200]}")
    return record
