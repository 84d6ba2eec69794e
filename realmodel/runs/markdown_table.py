"""Tables in Markdown."""

from collections.abc import Sequence


def markdown_table(
    head: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: bool = False
) -> list[str]:
    """Its lines; with ``numbers`` all columns but the first stand to the right.

    Examples
    --------
    >>> markdown_table(["layer", "gain"], [["0", "1.5"]], numbers=True)
    ['| layer | gain |', '| --- | ---: |', '| 0 | 1.5 |']
    """
    rule = ["---", *["---:" if numbers else "---"] * (len(head) - 1)]
    return ["| " + " | ".join(line) + " |" for line in (head, rule, *rows)]
