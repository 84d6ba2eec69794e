"""Certificates and prices on a card against brute force, and on cards that were edited."""

import json
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from realmodel.card import LayerCard
from realmodel.card.certified import best_of_size, certified, prices
from realmodel.card.schema import parse_card
from theory import BlockQuadratic, InputError


@pytest.fixture(scope="module")
def small(make_card: Callable[..., LayerCard]) -> LayerCard:
    return make_card(seed=5, layers=7)


def test_the_card_names_the_best_layers_and_bounds_all_others(small: LayerCard) -> None:
    found, gain = small.certificate, small.quadratic.gain
    best = max(combinations(range(7), 4), key=gain)
    assert found.layers == best
    assert found.gain == pytest.approx(gain(best))
    assert found.gap == pytest.approx(0.0, abs=1e-9)
    assert found.gain_at_most >= gain(best) * (1 - 1e-12)


@pytest.mark.parametrize("size", [1, 2, 4, 7])
def test_prices_bound_what_adding_and_dropping_do(small: LayerCard, size: int) -> None:
    quadratic = small.quadratic
    for chosen in list(combinations(range(7), size))[::5]:
        found = prices(quadratic, chosen)
        whole = quadratic.gain(chosen)
        for layer in range(7):
            if layer in chosen:
                rest = tuple(at for at in chosen if at != layer)
                lost = whole - (quadratic.gain(rest) if rest else 0.0)
                assert found[layer] <= lost * (1 + 1e-9) + 1e-12
            else:
                assert found[layer] >= (quadratic.gain((*chosen, layer)) - whole) * (1 - 1e-9)


def test_prices_are_exact_without_coupling() -> None:
    apart = BlockQuadratic(np.array([3.0, 2.0, 1.0]), 2 * np.eye(3), (1, 1, 1))
    np.testing.assert_allclose(prices(apart, (0,)), [2.25, 1.0, 0.25])
    found = certified(apart, best_of_size(apart, 1), (4, 6, 9))
    assert found.layers == (4,)
    assert found.gap == 0.0


def test_a_singular_curvature_has_marginal_gains_as_prices() -> None:
    twice = BlockQuadratic(np.ones(2), np.ones((2, 2)), (1, 1))
    np.testing.assert_allclose(prices(twice, (0,)), [0.5, 0.0], atol=1e-9)


def test_the_file_carries_it_and_older_files_load(small: LayerCard, tmp_path: Path) -> None:
    record = json.loads(small.save(tmp_path / "card.json").read_text())
    assert record["certificate"] == small.certificate.to_dict()
    assert len(record["certificate"]["prices"]) == 7
    del record["certificate"]
    del record["coupling"]["certain_steps"]
    (tmp_path / "older.json").write_text(json.dumps(record))
    assert LayerCard.load(tmp_path / "older.json").certificate.layers == small.certificate.layers


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("prices", [1.0], "certificate/prices has 1 numbers for 7 layers"),
        ("layers", [0, 1, 2, 99], "layers .* that are not listed"),
        ("size", 3, "certificate/size is 3"),
        ("gain_at_most", 0.0, "exceeds certificate/gain_at_most"),
        ("gap", 2.0, "certificate/gap"),
    ],
)
def test_contradictions_are_refused(small: LayerCard, key: str, value: Any, message: str) -> None:
    record = small.to_dict()
    record["certificate"][key] = value
    with pytest.raises(InputError, match=message):
        parse_card(json.dumps(record), "card.json")


def test_steps_that_are_certain_are_measured_too(measured: LayerCard) -> None:
    model = measured.predictor()
    budget = model.budget
    assert budget is not None
    assert measured.certain_steps == model.steps_within(budget.certain_budget)
    # A bound that needs less knowledge promises no more, and the measured coupling confirms both.
    assert budget.certain_budget <= budget.additive_budget
    assert budget.coupling_bound >= measured.coupling.rho * (1 - 1e-9)
    if measured.certain_steps is not None and measured.additive_steps is not None:
        assert measured.certain_steps <= measured.additive_steps


@pytest.mark.parametrize("coupled", [0.3, 3.0])
def test_the_bound_speaks_of_the_curvature_without_the_ridge(coupled: float) -> None:
    from realmodel.card.predictor import Predictor

    rate, steps = 0.01, 9
    tau = rate * (steps + 1) / 2
    F = coupled * (np.eye(3) + np.ones((3, 3)))
    H = F + np.eye(3) / (2 * tau)
    run = {"learning_rate": rate, "steps": steps, "time": tau}
    model = Predictor("tangent", BlockQuadratic(np.ones(3), H, (1, 1, 1)), protocol=run)
    assert model.budget is not None
    # lam = 2 coupled in every layer: 11b's root of sum lam / (2 lam + nu) = 1 is nu = lam.
    certain = 1 / (2 * 2 * coupled)
    assert model.budget.certain_budget == pytest.approx(certain)
    assert model.steps_within(certain) == int(2 * certain / rate - 1 + 1e-9)
