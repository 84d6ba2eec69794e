from .card.build import measure_card
from .card.layer_card import LayerCard
from .card.options import CardOptions
from .costs.stop_below_adapters import StopBelowAdapters
from .datasets.read import read_examples
from .finetuning.run import finetune
from .measure.gauss_newton.curvature_options import CurvatureOptions
from .measure.gauss_newton.lanczos_options import LanczosOptions
from .measure.pass_options import PassOptions
from .model.checkpoint import load_checkpoint
from .model.lora_protocol import FinetuneOptions
from .model.window import Window
from .placement.budget import Budget
from .placement.choose_layers import choose_layers
from .placement.place import place
from .placement.place_modules import place_modules
from .placement.place_tasks import place_tasks

__all__ = [
    "Budget",
    "CardOptions",
    "CurvatureOptions",
    "FinetuneOptions",
    "LanczosOptions",
    "LayerCard",
    "PassOptions",
    "StopBelowAdapters",
    "Window",
    "choose_layers",
    "finetune",
    "load_checkpoint",
    "measure_card",
    "place",
    "place_modules",
    "place_tasks",
    "read_examples",
]
