"""A card for people: Markdown, a page, a table."""

from realmodel.report.markdown import markdown
from realmodel.report.page.render import html
from realmodel.report.table import table
from realmodel.report.verdict import Verdict, next_commands, verdict, verdict_text
from realmodel.report.write import write_card

__all__ = [
    "Verdict",
    "html",
    "markdown",
    "next_commands",
    "table",
    "verdict",
    "verdict_text",
    "write_card",
]
