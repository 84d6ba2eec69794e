"""``layercard figures``: hands its arguments to ``python -m paper_figures``."""

import runpy
import sys

import typer


def figures(context: typer.Context) -> None:
    """Regenerate the paper's figures and tables (see ``layercard figures --help``)."""
    before = sys.argv
    sys.argv = ["paper_figures", *context.args]
    try:
        runpy.run_module("paper_figures", run_name="__main__", alter_sys=False)
    finally:
        sys.argv = before


SETTINGS = {"allow_extra_args": True, "ignore_unknown_options": True}
"""Click context settings under which every argument is passed on."""
