"""Task data as people have them, read as prompt and completion."""

from realmodel.datasets.conversation import Conversation
from realmodel.datasets.example import Example
from realmodel.datasets.options import ReadOptions
from realmodel.datasets.read import FORMATS, read_examples
from realmodel.datasets.references import ReferenceGroup, group_references

__all__ = [
    "FORMATS",
    "Conversation",
    "Example",
    "ReadOptions",
    "ReferenceGroup",
    "group_references",
    "read_examples",
]
