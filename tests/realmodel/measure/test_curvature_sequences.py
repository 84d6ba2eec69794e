"""The curvature is taken on the sequences that were asked for, and on no others."""

from typing import Any

import numpy as np
import pytest

from realmodel.measure.gauss_newton import batch_curvature, gauss_newton
from realmodel.measure.gauss_newton.directions import Directions
from realmodel.measure.random_subset import random_subset
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
    places = random_subset(len(encoded), 2, seed=0)
    assert len(places) == 2 < len(encoded)
    few = gauss_newton(model, encoded, modules, directions, groups=2, curvature_samples=2)
    every = gauss_newton(model, encoded, modules, directions, groups=2)
    alone = gauss_newton(model, [encoded[i] for i in places], modules, directions, groups=2)
    assert few.metadata["curvature_samples"] == 2
    assert (few.curvature_tokens > 0).all()
    np.testing.assert_allclose(few.quadratic.curvature, alone.quadratic.curvature, rtol=1e-10)
    np.testing.assert_allclose(few.quadratic.gradient, every.quadratic.gradient, rtol=1e-10)
    # Negative control: the sequences left out would have changed it.
    assert not np.allclose(few.quadratic.curvature, every.quadratic.curvature, rtol=1e-3)


@pytest.mark.parametrize("wanted", [1, 2, 3, 8])
def test_it_runs_as_many_as_it_says(
    make: Any, encoded: Any, monkeypatch: pytest.MonkeyPatch, wanted: int
) -> None:
    """Two of two hundred were eight once: one for each group of the jackknife."""
    model = make("gpt2")
    modules = find_modules(model).modules[:1]
    directions = Directions(
        tuple(modules),
        {m.name: np.ones((1, m.out_features)) for m in modules},
        {m.name: np.ones((1, m.in_features)) for m in modules},
    )
    seen: list[int] = []
    true = batch_curvature.tangents

    def counted(model: Any, batch: Any, *args: Any, **kwargs: Any) -> Any:
        seen.extend(batch.sequence_index.tolist())
        return true(model, batch, *args, **kwargs)

    monkeypatch.setattr(batch_curvature, "tangents", counted)
    ours = gauss_newton(model, encoded, modules, directions, curvature_samples=wanted)
    assert sorted(seen) == list(random_subset(len(encoded), wanted, seed=0))
    # Every group of the jackknife holds some of them.
    assert (ours.curvature_tokens > 0).all()
    assert len(ours.curvature_tokens) == wanted
