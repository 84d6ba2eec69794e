"""What a library says of its error, as a clause of one sentence."""


def one_line(error: Exception, longest: int = 200) -> str:
    r"""Its message without line breaks, cut; the kind of the error where it says nothing.

    Examples
    --------
    >>> one_line(ValueError("two\n  lines")), one_line(ValueError())
    ('two lines', 'ValueError')
    >>> one_line(KeyError("silu2"))  # str of it is the key alone
    "nothing is known by the name 'silu2'"
    """
    told = " ".join(str(error).split())[:longest] or type(error).__name__
    return f"nothing is known by the name {told}" if isinstance(error, KeyError) else told
