"""Does a score predict what fine-tuning gains? Scores against realised gains."""

from realmodel.evidence.comparison import compare
from realmodel.evidence.options import CompareOptions
from realmodel.evidence.result import ComparisonResult
from realmodel.evidence.task import Task

__all__ = ["CompareOptions", "ComparisonResult", "Task", "compare"]
