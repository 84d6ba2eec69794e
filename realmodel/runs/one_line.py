"""What a library says of its error, as a clause of one sentence."""


def one_line(error: Exception, longest: int = 200) -> str:
    r"""Its message without line breaks, cut; the kind of the error where it says nothing.

    Examples
    --------
    >>> one_line(ValueError("two\n  lines")), one_line(KeyError())
    ('two lines', 'KeyError')
    """
    return " ".join(str(error).split())[:longest] or type(error).__name__
