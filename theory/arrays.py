"""The array type of every public signature: float64, shapes in the jaxtyping string.

Static checkers see ``NDArray[np.float64]``; the run-time checker of the tests sees
``np.ndarray`` and takes dtype and shape from ``Float64[Array, "n d"]``.
"""

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float64, Int64

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    IntArray = NDArray[np.int64]
    BoolArray = NDArray[np.bool_]
else:
    Array = IntArray = BoolArray = np.ndarray

__all__ = ["Array", "Bool", "BoolArray", "Float64", "Int64", "IntArray"]
