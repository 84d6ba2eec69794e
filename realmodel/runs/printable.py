"""A stranger's name on one line of a terminal or a page."""


def printable(text: str) -> str:
    r"""The text with line breaks, control characters and bytes that are no UTF-8 spelled out.

    Examples
    --------
    >>> print(printable("a model\nnamed \x1b[31m"))
    a model\nnamed \x1b[31m
    """
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
