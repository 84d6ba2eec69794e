"""Coupling measured on a real model, read from a saved quadratic (.npz) or card (.json)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from theory import BlockQuadratic, InputError
from theory.arrays import Array, Float64
from theory.read_json import read_json
from theory.whole_numbers import whole_numbers


@dataclass(frozen=True)
class Measured:
    """A measured coupling, and the measured target where the file holds it.

    Parameters
    ----------
    coupling : (p, p)
        Whitened coupling M, or one signed number for each pair of layers.
    sizes
        Size of each layer's block.
    target : (p,), optional
        Whitened gradient u.
    source
        What was measured: model and data of a card, else the name of the file.
    """

    coupling: Float64[Array, "p p"]
    sizes: tuple[int, ...]
    target: Float64[Array, " p"] | None
    source: str

    @property
    def strength(self) -> float:
        """Rho = ||M||_2."""
        return float(np.linalg.norm(self.coupling, 2))

    @property
    def alignment(self) -> float | None:
        """Tau = u'Mu / u'u; None where the file holds no target."""
        if self.target is None:
            return None
        u = self.target
        return float(u @ self.coupling @ u / (u @ u))


def read_measured(path: str | Path) -> Measured:
    """Read a saved :class:`theory.BlockQuadratic` or a card's JSON.

    A JSON file holds ``whitened_coupling`` or ``coupling`` as a square list of lists, at the top
    level or under ``quadratic``, and may hold ``sizes`` and ``whitened_gradient`` beside it; or a
    card's ``quadratic`` or else ``tangent`` with ``gradient``, ``curvature`` and ``sizes``.

    Raises
    ------
    InputError
        If the file is missing, unreadable, or holds no square symmetric finite coupling.

    Notes
    -----
    Provenance: extension.

    Examples
    --------
    >>> read_measured("absent.npz")
    Traceback (most recent call last):
    theory.errors.InputError: measured coupling: no file absent.npz
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"measured coupling: no file {path}")
    if path.suffix == ".npz":
        quadratic = BlockQuadratic.load(path)
        return Measured(
            quadratic.whitened_coupling,
            tuple(quadratic.sizes),
            quadratic.whitened_gradient,
            path.name,
        )
    return _from_record(read_json(path, "measured coupling"), path)


def _from_record(record: object, path: Path) -> Measured:
    entries = record if isinstance(record, dict) else {}
    source = _title(entries, path)
    for section in ("quadratic", "tangent"):
        if isinstance(entries.get(section), dict):
            entries = entries[section]
    if "curvature" in entries and "whitened_coupling" not in entries:
        return _of_quadratic(entries, source, path)
    values = entries.get("whitened_coupling", entries.get("coupling"))
    try:
        coupling = np.array(values, dtype=np.float64)
        sizes = whole_numbers(entries.get("sizes", [1] * len(coupling)), "sizes")
        target = entries.get("whitened_gradient")
        u = None if target is None else np.array(target, dtype=np.float64)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except (TypeError, ValueError):
        raise InputError(f"{path} holds no coupling matrix under 'whitened_coupling'") from None
    square = coupling.shape == (sum(sizes), sum(sizes)) and min(sizes, default=0) > 0
    if not square or not np.isfinite(coupling).all() or not np.allclose(coupling, coupling.T):
        raise InputError(
            f"{path}: the coupling has shape {coupling.shape}; it must be a finite symmetric "
            f"matrix of size {sum(sizes)}"
        )
    if u is not None and (u.shape != (len(coupling),) or not np.isfinite(u).all()):
        raise InputError(f"{path}: the whitened gradient is no list of {len(coupling)} numbers")
    end = 0
    for size in sizes:
        coupling[end : end + size, end : end + size] = 0.0
        end += size
    found = Measured(coupling, sizes, u, source)
    with np.errstate(all="ignore"):
        if not 0 < found.strength < np.inf or not np.isfinite(found.alignment or 0.0):
            raise InputError(f"{path}: the coupling or the gradient is zero or overflows")
    return found


def _of_quadratic(record: dict[str, Any], source: str, path: Path) -> Measured:
    try:
        g, H = (np.array(record[name], dtype=np.float64) for name in ("gradient", "curvature"))
        quadratic = BlockQuadratic(g, H, tuple(record["sizes"]))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} holds no quadratic: {error}") from None
    u = quadratic.whitened_gradient
    return Measured(quadratic.whitened_coupling, tuple(quadratic.sizes), u, source)


def _title(card: dict[str, Any], path: Path) -> str:
    """Name of the card's model and data; of the file where it has none."""
    sections = (card.get("model"), card.get("data"))
    sources = [part.get("source") for part in sections if isinstance(part, dict)]
    named = [Path(source).name for source in sources if isinstance(source, str)]
    return ", ".join(named) or path.name
