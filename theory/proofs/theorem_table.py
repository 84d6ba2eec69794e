"""The table of all results, generated from ``THEOREMS`` and pasted between markers."""

from pathlib import Path

from theory.generated_text import between, put_between
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


if __name__ == "__main__":
    for page in (Path("README.md"), Path("docs/theory.md")):
        if page.is_file() and between(page.read_text(), BEGIN, END) is not None:
            page.write_text(put_between(page.read_text(), BEGIN, END, theorem_table()))
