"""What the placements of a comparison gained on average over its seeds."""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any, NamedTuple


class Trained(NamedTuple):
    """A placement that has runs: how it came in (``pool``, ``pick``, ...), its name, its layers."""

    role: str
    label: str
    layers: tuple[int, ...]


def mean_gains(runs: Sequence[Mapping[str, Any]]) -> dict[Trained, float]:
    """Mean gain over the seeds that all placements have, nats per completion token.

    Parameters
    ----------
    runs : sequence of mapping
        ``runs`` of a ``comparison.json``.

    Examples
    --------
    >>> run = {"role": "pool", "label": "first-2", "layers": [0, 1], "seed": 0, "gain": 0.5}
    >>> mean_gains([run, run | {"seed": 1, "gain": 0.7}])
    {Trained(role='pool', label='first-2', layers=(0, 1)): 0.6}
    """
    gains: dict[Trained, dict[int, float]] = {}
    for run in runs:
        one = Trained(run["role"], run["label"], tuple(run["layers"]))
        gains.setdefault(one, {})[run["seed"]] = run["gain"]
    seeds = set[int].intersection(*map(set, gains.values()))
    return {one: fmean(own[seed] for seed in sorted(seeds)) for one, own in gains.items()}
