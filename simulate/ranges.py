"""A summary in a few lines: the range of each quantity, and where its ends are."""

from collections.abc import Iterator

from simulate.journal import Row
from simulate.table import Table


def ranges(summary: Table) -> Iterator[tuple[str, str]]:
    """Meaning of each quantity of a grouped table, and its range in words.

    Parameters
    ----------
    summary : Table
        As :meth:`simulate.table.Table.group` makes it.

    Yields
    ------
    tuple of str

    Examples
    --------
    >>> rows = tuple({"rho": rho, "gain": rho**2} for rho in (0.5, 1.0, 2.0))
    >>> table = Table("squares", "Squares", {"rho": "coupling", "gain": ""}, rows, seed=0)
    >>> gain = ("mean gain", lambda part: float(part.column("gain").mean()))
    >>> list(ranges(table.group(("rho",), gain=gain)))
    [('mean gain', '0.25 (rho 0.5) to 4 (rho 2)')]
    """
    for name, meaning in summary.columns.items():
        known = [row for row in summary.rows if isinstance(row[name], int | float)]
        if name in summary.keys or not known:
            continue
        low, high = (end(known, key=lambda row: row[name]) for end in (min, max))
        if low[name] == high[name]:
            yield meaning, f"{low[name]:.4g} everywhere"
            continue
        ends = (f"{row[name]:.4g} ({_where(summary, row)})" for row in (low, high))
        text = " to ".join(ends)
        absent = len(summary.rows) - len(known)
        yield meaning, text + (f"; none in {absent} of {len(summary.rows)}" if absent else "")


def _where(summary: Table, row: Row) -> str:
    """The keys that differ between rows."""
    varied = [key for key in summary.keys if len(summary.values(key)) > 1]
    return ", ".join(f"{key.replace('_', ' ')} {_shown(row[key])}" for key in varied)


def _shown(value: object) -> str:
    if value is None:
        return "none"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
