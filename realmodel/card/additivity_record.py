"""Bounds on the joint gain as a JSON record: what is void is null and says why."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from theory import BlockQuadratic, additivity


def additivity_record(
    quadratic: BlockQuadratic, layers: Sequence[int] | None = None
) -> dict[str, Any]:
    """``theory.additivity`` of some layers as JSON.

    Parameters
    ----------
    quadratic : theory.BlockQuadratic
    layers : sequence of int, optional
        Positions; all by default.

    Returns
    -------
    dict
        The numbers of ``theory.Additivity`` (gains in nats per completion token); a bound that
        is infinite is null, and ``reasons`` says why.

    Examples
    --------
    Six layers that say the same: ``rho = 2.5``, so the paper's upper bound says nothing.

    >>> import numpy as np
    >>> same = BlockQuadratic(np.ones(6), (np.eye(6) + 1) / 2, (1,) * 6)
    >>> record = additivity_record(same)
    >>> record["upper"], round(record["signed_upper"], 6)
    (None, 6.0)
    >>> record["reasons"][0][:31]
    'coupling 2.5 is not below 1: th'
    """
    record = asdict(additivity(quadratic, layers))
    reasons = list(record.pop("reasons"))
    numbers = {
        name: value if np.isfinite(value) else None
        for name, value in record.items()
        if name != "layers"
    }
    return {"layers": list(record["layers"])} | numbers | {"reasons": reasons}
