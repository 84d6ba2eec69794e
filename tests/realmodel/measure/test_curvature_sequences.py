"""The curvature is taken on the sequences that were asked for, and on no others."""

from typing import Any

import numpy as np
import pytest

from realmodel.measure.gauss_newton import gauss_newton
from realmodel.measure.gauss_newton.directions import Directions
from realmodel.measure.gauss_newton.measure import curvature_places
from realmodel.model.modules import find_modules


def test_fewer_sequences_are_the_curvature_of_those_alone(make: Any, encoded: Any) -> None:
    model = make("gpt2")
    modules = find_modules(model).modules[:3]
    rng = np.random.default_rng(1)
    directions = Directions(
        tuple(modules),
        {m.name: rng.standard_normal((2, m.out_features)) for m in modules},
        {m.name: rng.standard_normal((2, m.in_features)) for m in modules},
    )
    places = sorted(curvature_places(len(encoded), 2, groups=2))
    assert len(places) == 2 < len(encoded)
    few = gauss_newton(model, encoded, modules, directions, groups=2, curvature_sequences=2)
    every = gauss_newton(model, encoded, modules, directions, groups=2)
    alone = gauss_newton(model, [encoded[i] for i in places], modules, directions, groups=2)
    assert few.metadata["curvature_sequences"] == 2
    assert (few.curvature_tokens > 0).all()
    np.testing.assert_allclose(few.quadratic.curvature, alone.quadratic.curvature, rtol=1e-10)
    np.testing.assert_allclose(few.quadratic.gradient, every.quadratic.gradient, rtol=1e-10)
    # Negative control: the sequences left out would have changed it.
    assert not np.allclose(few.quadratic.curvature, every.quadratic.curvature, rtol=1e-3)


@pytest.mark.parametrize(("count", "wanted", "groups"), [(48, 8, 16), (256, 64, 16), (7, 3, 2)])
def test_every_group_gets_as_many(count: int, wanted: int, groups: int) -> None:
    places = curvature_places(count, wanted, groups)
    members = [sum(place % groups == group for place in places) for group in range(groups)]
    assert len(set(members)) == 1
    assert members[0] == max(1, round(wanted / groups))
