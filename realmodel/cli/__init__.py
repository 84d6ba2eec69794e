"""The ``layercard`` command line: one file per command; torch is imported only where needed."""

from realmodel.cli import figures
from realmodel.cli.application import app

app.command("figures", context_settings=figures.SETTINGS, add_help_option=False)(figures.figures)

__all__ = ["app"]
