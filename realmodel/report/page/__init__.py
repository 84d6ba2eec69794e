"""The card as one self-contained HTML page."""

from realmodel.report.page.render import page

__all__ = ["page"]
