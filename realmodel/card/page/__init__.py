"""The card as one self-contained HTML page."""

from realmodel.card.page.render import page

__all__ = ["page"]
