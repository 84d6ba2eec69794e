"""The documentation site: formulas without a script, every page once in the menu."""

import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def hook() -> Any:
    spec = importlib.util.spec_from_file_location("mathml", DOCS / "mathml.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Loader(yaml.SafeLoader):
    """mkdocs.yml may name Python objects; only the menu is read here."""


def settings() -> Any:
    return yaml.load((ROOT / "mkdocs.yml").read_text(), Loader=Loader)


def pages(menu: Any) -> Iterator[str]:
    if isinstance(menu, str):
        yield menu
    elif isinstance(menu, dict):
        for below in menu.values():
            yield from pages(below)
    else:
        for below in menu:
            yield from pages(below)


def test_every_page_stands_once_in_the_menu() -> None:
    listed = sorted(pages(settings()["nav"]))
    assert listed == sorted(str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md"))


def test_site_loads_nothing_from_the_network() -> None:
    assert "extra_javascript" not in settings()
    assert settings()["theme"]["font"] is False


def test_formulas_become_mathml(hook: Any) -> None:
    inline = hook.on_page_content(r'<p><span class="arithmatex">\(\rho &lt; 1\)</span></p>')
    assert re.search(r'<math[^>]*display="inline"', inline)
    assert "arithmatex" not in inline
    assert "&#x0003C;" in inline  # unescaped, read, escaped again
    block = hook.on_page_content('<div class="arithmatex">\\[\n\\frac{a}{b}\n\\]</div>')
    assert re.search(r'<math[^>]*display="block"', block)
    assert "mfrac" in block


def test_a_formula_that_is_missed_fails_the_build(hook: Any) -> None:
    with pytest.raises(ValueError, match="not converted"):
        hook.on_page_content('<span class="arithmatex">x</span>')
