"""MkDocs hook: formulas become MathML in the build, so the site needs no script, no network."""

import html
import re
from typing import Any

from latex2mathml.converter import convert

FORMULA = re.compile(
    r'<(span|div) class="arithmatex">\s*\\[(\[](.*?)\\[)\]]\s*</\1>', flags=re.DOTALL
)


def mathml(match: re.Match[str]) -> str:
    """The MathML of one formula that arithmatex marked."""
    return convert(
        html.unescape(match[2]).strip(), display="block" if match[1] == "div" else "inline"
    )


def on_page_content(text: str, **_: Any) -> str:
    """The page with every formula converted; one that was missed fails the build."""
    converted = FORMULA.sub(mathml, text)
    if 'class="arithmatex"' in converted:
        raise ValueError("a formula was not converted to MathML")
    return converted
