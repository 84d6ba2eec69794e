"""Spectral hardness: what noise, a norm or a budget of steps leaves of a gain (sections 3, 4)."""
