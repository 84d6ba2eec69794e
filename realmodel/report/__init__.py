"""A card for people: Markdown, a page, a table."""

from realmodel.report.markdown import markdown
from realmodel.report.page.render import html
from realmodel.report.table import table
from realmodel.report.write import write_card

__all__ = ["html", "markdown", "table", "write_card"]
