"""Choosing layers and ranks, with guarantees and costs: sections 8 and 10."""
