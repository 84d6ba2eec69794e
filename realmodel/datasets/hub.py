"""A data set of the hub by its name, read by the library ``datasets`` (the extra ``data``)."""

import re
from importlib import import_module
from pathlib import Path
from typing import Any

from realmodel.datasets.folder import SUFFIXES
from realmodel.datasets.options import ReadOptions
from realmodel.datasets.table import Table
from realmodel.runs.one_line import one_line
from theory import InputError

NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")


def recognises(name: str) -> bool:
    """Whether a text that is no path here could be a data set's name.

    Examples
    --------
    >>> recognises("openai/gsm8k"), recognises("data/train.jsonl"), recognises("./gsm8k")
    (True, False, False)
    """
    suffix = Path(name.removesuffix(".gz")).suffix.lower()
    return NAME.fullmatch(name) is not None and suffix not in SUFFIXES


def table(name: str, options: ReadOptions) -> Table:
    """The rows of one split (``train`` by default); nothing of the data set's code runs.

    Raises
    ------
    InputError
        When ``datasets`` is not installed, the hub has no such data set, subset or split, or it
        cannot be reached.
    """
    try:
        datasets: Any = import_module("datasets")
    except ImportError:
        raise InputError(
            f"cannot read data {name!r}: there is no such file, and a data set of the hub needs "
            "pip install 'layercard[data]'"
        ) from None
    try:
        found: Any = datasets.load_dataset(name, options.subset, split=options.split or "train")
    except Exception as error:  # the library's errors share no base class
        raise InputError(
            f"cannot read data {name!r}: there is no such file, and the hub's answer is: "
            f"{one_line(error, 300)}"
        ) from None
    return Table(name, name, "row", enumerate(found, start=1))
