"""Task data in the formats of its original releases, read as prompt and completion."""

from realmodel.datasets.example import Example
from realmodel.datasets.read import FORMATS, read_examples
from realmodel.datasets.references import ReferenceGroup, group_references

__all__ = ["FORMATS", "Example", "ReferenceGroup", "group_references", "read_examples"]
