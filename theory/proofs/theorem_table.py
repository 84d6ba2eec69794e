"""The table of all results, generated from ``THEOREMS`` and pasted between markers."""

import re
from pathlib import Path

from theory.proofs.theorems import THEOREMS

BEGIN, END = "<!-- theorems:begin -->", "<!-- theorems:end -->"


def theorem_table() -> str:
    """Markdown table: theorem, provenance, functions, tests, figure; one row a result.

    Every test of :func:`theorem_tests` asks for all three parts of the triad: the result holds, its
    constants are attained, its assumptions are needed.

    Examples
    --------
    >>> print(theorem_table())
    | theorem | | provenance | function | test | figure |
    | --- | --- | --- | --- | --- | --- |
    | 0 | Least squares: ... | extension | `BlockQuadratic.from_least_squares`, ...
    """
    rows = [
        f"| {theorem.id} | {theorem.title} | {theorem.provenance} "
        f"| {', '.join(f'`{name}`' for name in theorem.functions)} "
        f"| `pytest tests/theory -k '[{theorem.id}]'` | {theorem.figure or ''} |"
        for theorem in THEOREMS.values()
    ]
    head = ["| theorem | | provenance | function | test | figure |", "| --- " * 6 + "|"]
    return "\n".join([*head, *rows])


def table_in(text: str) -> str | None:
    r"""What stands between the markers, or None where there are none.

    Examples
    --------
    >>> table_in(f"a\n{BEGIN}\n| x |\n{END}\nb")
    '| x |'
    """
    found = re.search(f"{re.escape(BEGIN)}\n(.*?)\n?{re.escape(END)}", text, re.DOTALL)
    return found.group(1).strip() if found else None


def with_table(text: str) -> str:
    """Put the current table between the markers of ``text``."""
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n{theorem_table()}\n{END}{tail}"


if __name__ == "__main__":
    for page in (Path("README.md"), Path("docs/theory.md")):
        if page.is_file() and table_in(page.read_text()) is not None:
            page.write_text(with_table(page.read_text()))
