"""The one exception that bad input raises."""


class InputError(ValueError):
    """Input that the caller can correct: the message quotes the value and says what to do.

    The command line prints it on one line and exits with 2.
    """
