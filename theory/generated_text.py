"""Text that a program puts between two markers of a page written by hand."""

import re


def between(text: str, begin: str, end: str) -> str | None:
    r"""What stands between the first such markers, or None where there are none.

    Examples
    --------
    >>> between("a\n<b>\n| x |\n<e>\nc", "<b>", "<e>")
    '| x |'
    """
    found = re.search(f"{re.escape(begin)}\n(.*?)\n?{re.escape(end)}", text, re.DOTALL)
    return None if found is None else found[1]


def put_between(text: str, begin: str, end: str, inner: str) -> str:
    r"""The page with ``inner`` there, on lines of its own.

    Examples
    --------
    >>> put_between("a\n<b>\nold\n<e>\nc", "<b>", "<e>", "new")
    'a\n<b>\nnew\n<e>\nc'
    """
    head, _, rest = text.partition(begin)
    _, _, tail = rest.partition(end)
    return f"{head}{begin}\n{inner}\n{end}{tail}"
