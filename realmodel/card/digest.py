"""A card's digest of itself: whether its numbers are those that were measured."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any


def card_digest(record: Mapping[str, Any]) -> str:
    """SHA-256 over every key of the card but ``digest``, whatever their order and spacing.

    It tells a slip or an edit by hand; it is no signature, anyone can compute it.

    Examples
    --------
    >>> card_digest({"a": 1, "b": 2}) == card_digest({"b": 2, "a": 1, "digest": "sha256:.."})
    True
    """
    rest = {key: value for key, value in record.items() if key != "digest"}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
