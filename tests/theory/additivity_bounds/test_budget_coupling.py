"""The ridge beyond which layers of known curvature add up, whatever couples them."""

import numpy as np
import pytest

from theory.additivity_bounds.budget_coupling import certain_ridge


@pytest.mark.parametrize("largest", [1.0, 1e30, 1e149])
def test_the_certain_ridge_beside_a_curvature_of_another_size(largest: float) -> None:
    """One layer that is all curvature leaves half to the others: 3/(6 + nu) + 2/(4 + nu) = 1/2."""
    curvatures = np.array([largest, 3.0, 2.0])
    nu = certain_ridge(curvatures)
    # Of a root found to 4 eps: the sum's slope in log nu is at most 1.
    assert (curvatures / (2 * curvatures + nu)).sum() == pytest.approx(1.0, rel=1e-14)
    assert largest == 1.0 or nu == pytest.approx(np.sqrt(24.0), rel=1e-14)
