"""Tiny checkpoints on disk, and a card made by hand."""

from tests.realmodel.handmade_card import (
    card,
    gpt2_folder,
    make_card,
    measured,
    qwen3_folder,
    task_file,
)
from tests.realmodel.tiny_checkpoints import (
    checkpoint,
    context,
    data_file,
    encoded_by,
    examples,
    folders,
    gpt2,
    table_of,
)

__all__ = [
    "card",
    "checkpoint",
    "context",
    "data_file",
    "encoded_by",
    "examples",
    "folders",
    "gpt2",
    "gpt2_folder",
    "make_card",
    "measured",
    "qwen3_folder",
    "table_of",
    "task_file",
]
