"""The embedded default: a task and miniature checkpoints that need no network."""

from realmodel.demo.embedded import CHECKPOINTS, checkpoint_folder, checkpoint_source
from realmodel.demo.generator import examples

__all__ = ["CHECKPOINTS", "checkpoint_folder", "checkpoint_source", "examples"]
