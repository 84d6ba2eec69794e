"""Numbers for people: three digits, a dash where there is none."""

from collections.abc import Iterable
from typing import Any


def number(value: float | None) -> str:
    """Three significant digits.

    >>> number(1234.5), number(0.00012345), number(None), number(12), number(0.5)
    ('1230', '1.2e-04', '—', '12', '0.5')
    """
    if value is None:
        return "—"
    if value != 0 and not 1e-3 <= abs(value) < 1e5:
        return f"{value:.1e}"
    digits = f"{value:.3g}"
    return f"{float(digits):.0f}" if "e" in digits else digits


def amount(value: float, unit: str) -> str:
    """A cost with a fitting prefix.

    >>> amount(0.0123, "seconds per step"), amount(2.5e9, "bytes per step")
    ('12.3 ms', '2.5 GB')
    """
    steps = {
        "seconds": ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")),
        "bytes": ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "B")),
        "operations": (
            (1e12, "TFLOP"),
            (1e9, "GFLOP"),
            (1e6, "MFLOP"),
            (1e3, "kFLOP"),
            (1.0, "FLOP"),
        ),
    }.get(unit.split()[0], ((1e6, "M"), (1e3, "k"), (1.0, "")))
    size, name = next((step for step in steps if abs(value) >= step[0]), steps[-1])
    return f"{number(value / size)} {name}".strip()


def joined(layers: Iterable[int]) -> str:
    """Layers with runs of neighbours joined.

    >>> joined((0, 1, 2, 5, 7, 8))
    '0-2, 5, 7, 8'
    """
    runs: list[list[int]] = []
    for layer in layers:
        if runs and layer == runs[-1][-1] + 1:
            runs[-1].append(layer)
        else:
            runs.append([layer])
    return ", ".join(
        f"{run[0]}-{run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in runs
    )


def cell(value: Any) -> str:
    """Any JSON value in a table cell, a dash where it is empty.

    >>> cell({"rank": 8, "gain": 0.51234}), cell([1, 2]), cell([]), cell(True)
    ('rank: 8, gain: 0.512', '1, 2', '—', 'true')
    """
    if value in ("", [], {}, ()):
        return "—"
    if isinstance(value, bool) or value is None:
        return "—" if value is None else str(value).lower()
    if isinstance(value, int | float):
        return number(float(value)) if isinstance(value, float) else str(value)
    if isinstance(value, list | tuple):
        return ", ".join(cell(item) for item in value)
    if isinstance(value, dict):
        return ", ".join(f"{name}: {cell(item)}" for name, item in value.items())
    return str(value)
