"""Streamed statistics of a real model: activation and gradient moments, mergeable and resumable."""

from realmodel.statistics.collect import collect_statistics
from realmodel.statistics.statistics import Options, Part, Statistics, merge

__all__ = ["Options", "Part", "Statistics", "collect_statistics", "merge"]
