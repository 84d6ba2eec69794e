"""The Layer Card: measured once, read by every later step."""

from realmodel.card.device_costs import DeviceCosts
from realmodel.card.layer_card import LayerCard
from realmodel.card.measures import Measures
from realmodel.card.profile import LayerProfile, ModuleProfile
from realmodel.card.replicates import Replicates

__all__ = ["DeviceCosts", "LayerCard", "LayerProfile", "Measures", "ModuleProfile", "Replicates"]
