"""Choosing layers, and certificates of how good a choice is."""
