"""A panic of a library in Rust, which no ``except Exception`` sees."""

from collections.abc import Generator
from contextlib import contextmanager

from theory import InputError


@contextmanager
def panics_as_errors() -> Generator[None]:
    """Refuse the input that a library within the block has panicked on.

    pyo3 derives its ``PanicException`` from ``BaseException``, and gives it to no module to import.

    Raises
    ------
    InputError
        With the panic's message.
    """
    try:
        yield
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise InputError(f"a library has panicked: {error}") from error
