"""Exchanges of one layer against every set, and what they say of leads and ties."""

from collections.abc import Callable

import pytest

from realmodel.card import LayerCard
from realmodel.placement import place
from realmodel.placement.exchange import Exchange


@pytest.fixture(scope="module")
def small(make_card: Callable[..., LayerCard]) -> LayerCard:
    return make_card(seed=3, layers=6)


def test_each_layer_has_its_best_replacement(small: LayerCard) -> None:
    choice, gain = place(small, objective="gain", budget="3"), small.quadratic.gain
    assert [swap.out for swap in choice.exchanges] == list(choice.best.layers)
    for swap in choice.exchanges:
        rest = set(choice.best.layers) - {swap.out}
        others = [tuple(sorted(rest | {m})) for m in range(6) if m not in choice.best.layers]
        assert swap.layers == max(others, key=gain)
        assert swap.loss == pytest.approx(choice.best.gain - gain(swap.layers))
        assert swap.error is not None
        assert swap.leads == (swap.loss > 1.96 * swap.error)


@pytest.mark.parametrize("objective", ["time", "memory", "serving"])
def test_exchanges_stay_within_a_cost(small: LayerCard, objective: str) -> None:
    choice = place(small, objective=objective, budget="70%")
    cost, gain = small.costs.of(objective), small.quadratic.gain
    for swap in choice.exchanges:
        assert cost.of(swap.layers) <= choice.budget.value * (1 + 1e-9)
        rest = tuple(at for at in choice.best.layers if at != swap.out)
        for other in set(range(6)) - set(choice.best.layers):
            tried = tuple(sorted((*rest, other)))
            if cost.of(tried) <= choice.budget.value:
                assert gain(swap.layers) >= gain(tried) * (1 - 1e-9)


def test_layers_that_may_not_be_chosen_replace_nothing(small: LayerCard) -> None:
    choice = place(small, objective="gain", budget="2", layers=[0, 2, 5])
    allowed = {0, 2, 5} - set(choice.best.layers)
    assert {swap.into for swap in choice.exchanges} == allowed
    assert place(small, objective="gain", budget="6").exchanges == ()


def test_the_record_holds_certificate_and_exchanges(small: LayerCard) -> None:
    choice = place(small, objective="gain", budget="3")
    record = choice.to_dict()
    assert record["certificate"]["gain"] == pytest.approx(choice.best.gain)
    assert record["certificate"]["price_layers"] == [0, 1, 2, 3, 4, 5]
    assert {row["layer"] for row in record["exchanges"]} == set(choice.best.layers)


def test_a_deep_model_has_a_certified_placement(make_card: Callable[..., LayerCard]) -> None:
    deep = make_card(seed=1, layers=20, groups=2)
    for objective, budget in (("gain", "5"), ("time", "70%")):
        choice = place(deep, objective=objective, budget=budget)
        assert 0 <= choice.certificate.gap < 0.2
        assert choice.runner_up is not None
        least = min(swap.loss for swap in choice.exchanges)
        assert choice.margin == pytest.approx(least, abs=1e-12)
        assert choice.best.gain <= choice.certificate.gain_at_most * (1 + 1e-12)


def test_a_lead_is_beyond_two_standard_errors() -> None:
    """95%: 1.96 standard errors of a normal estimate, and nothing is said without one."""

    def leads(loss: float, error: float | None) -> bool | None:
        return Exchange(0, 1, (1,), loss, error).leads

    assert (leads(1.97, 1.0), leads(1.95, 1.0), leads(5.0, None)) == (True, False, None)
