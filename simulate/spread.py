"""Mean and middle 80% of columns, as the figures show them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from simulate.journal import Row


def spread_by(axis: str, rows: Sequence[Row], names: Sequence[str]) -> dict[str, Any]:
    """Mean and middle 80% of each column at each value of ``axis``.

    Examples
    --------
    >>> found = spread_by("n", [{"n": 1, "x": 2.0}, {"n": 1, "x": 4.0}], ("x",))
    >>> found["n"], found["x"]["mean"]
    ([1], [3.0])
    """
    values = sorted({row[axis] for row in rows})
    result: dict[str, Any] = {axis: values}
    for name in names:
        groups = [np.array([row[name] for row in rows if row[axis] == v]) for v in values]
        result[name] = {
            "mean": [float(group.mean()) for group in groups],
            "low": [float(np.quantile(group, 0.1)) for group in groups],
            "high": [float(np.quantile(group, 0.9)) for group in groups],
        }
    return result
