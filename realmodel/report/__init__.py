"""A card for people: Markdown, a page, a table."""

from realmodel.report.markdown import markdown
from realmodel.report.module_verdict import module_verdict
from realmodel.report.page.render import html
from realmodel.report.placement_table import placement_table
from realmodel.report.table import table
from realmodel.report.tasks_verdict import tasks_verdict
from realmodel.report.verdict import (
    Verdict,
    next_commands,
    training_command,
    verdict,
    verdict_text,
)
from realmodel.report.write import write_card

__all__ = [
    "Verdict",
    "html",
    "markdown",
    "module_verdict",
    "next_commands",
    "placement_table",
    "table",
    "tasks_verdict",
    "training_command",
    "verdict",
    "verdict_text",
    "write_card",
]
