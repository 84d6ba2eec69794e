"""Tiny models in float64, and naive references for them."""

from tests.realmodel.parity import encoded, float64_throughout, make, model, reference

__all__ = ["encoded", "float64_throughout", "make", "model", "reference"]
