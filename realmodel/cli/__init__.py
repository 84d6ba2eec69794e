"""The ``layercard`` command line: one file per command; torch is imported only where needed."""

from realmodel.cli.application import app

__all__ = ["app"]
