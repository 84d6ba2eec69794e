"""Streamed statistics of a real model: activation and gradient moments, mergeable and resumable."""

from realmodel.measure.statistics.collect import collect_statistics
from realmodel.measure.statistics.estimate import StageEstimate, estimate_stages
from realmodel.measure.statistics.statistics import Options, Part, Statistics, merge

__all__ = [
    "Options",
    "Part",
    "StageEstimate",
    "Statistics",
    "collect_statistics",
    "estimate_stages",
    "merge",
]
