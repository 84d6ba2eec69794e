"""The Layer Card: measured once, read by every later step."""

from realmodel.card.layer_card import LayerCard
from realmodel.card.measures import Measures
from realmodel.card.options import CardOptions
from realmodel.card.profile import LayerProfile, ModuleProfile
from realmodel.costs.device_costs import DeviceCosts
from realmodel.measure.replicates import Replicates

from realmodel.card.build import measure_card  # isort: skip  (needs the names above)

__all__ = [
    "CardOptions",
    "DeviceCosts",
    "LayerCard",
    "LayerProfile",
    "Measures",
    "ModuleProfile",
    "Replicates",
    "measure_card",
]
