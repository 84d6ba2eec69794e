"""Does a score predict what fine-tuning gains? Scores against realised gains."""

from realmodel.compare.comparison import compare
from realmodel.compare.options import CompareOptions
from realmodel.compare.result import ComparisonResult
from realmodel.compare.task import Task

__all__ = ["CompareOptions", "ComparisonResult", "Task", "compare"]
