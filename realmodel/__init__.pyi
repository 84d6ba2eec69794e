from .card.build import measure_card
from .card.layer_card import LayerCard
from .card.options import CardOptions
from .datasets.read import read_examples
from .finetuning.run import finetune
from .model.checkpoint import load_checkpoint
from .placement.budget import Budget
from .placement.place import place

__all__ = [
    "Budget",
    "CardOptions",
    "LayerCard",
    "finetune",
    "load_checkpoint",
    "measure_card",
    "place",
    "read_examples",
]
