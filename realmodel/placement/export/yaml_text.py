"""A YAML file with a comment on top that says what it is for."""

from collections.abc import Mapping
from typing import Any

import yaml


def yaml_text(comments: tuple[str, ...], values: Mapping[str, Any]) -> str:
    """YAML of plain values; the comments are ours, never a stranger's text.

    Examples
    --------
    >>> print(yaml_text(("two values",), {"b": [1], "a": "x: y"}), end="")
    # two values
    b:
    - 1
    a: 'x: y'
    """
    head = "".join(f"# {line}\n" for line in comments)
    return head + yaml.safe_dump(dict(values), sort_keys=False)
