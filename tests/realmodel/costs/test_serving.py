"""Serving cost by engine, against counts by hand."""

import pytest

from realmodel.card import LayerCard
from realmodel.costs.serving import ENGINES, served_by, vllm_rank
from realmodel.placement import place
from theory import InputError


def test_engines(card: LayerCard) -> None:
    whole = 2.0 * len(card.modules) * (16 + 32)  # operations a token at rank 1
    found = {engine: served_by(card.costs, engine, card.modules) for engine in ENGINES}
    assert found["hf"] == card.costs
    assert found["hf"].unit("serving") == "seconds per token"
    for engine in ("vllm", "sglang"):
        assert found[engine].unit("serving") == "operations per token"
        for layers in ([0], [3, 11], range(12)):  # whichever layers are adapted
            assert found[engine].serving.of(list(layers)) == 8 * whole
    assert found["merged"].serving.of([0, 5]) == 0
    targeted = found["vllm-targeted"]  # what the placement touches
    assert targeted.serving.of([0, 5]) == pytest.approx(8 * whole * 2 / 12)
    assert targeted.unit("serving") == "operations per token"
    assert found["vllm"].unit("time") == "seconds per step"
    assert found["vllm"].time == card.costs.time


def test_rank_that_vllm_allocates(card: LayerCard) -> None:
    from dataclasses import replace

    costs = replace(card.costs, rank=17)
    at = {name: served_by(costs, name, card.modules).serving.base for name in ("vllm", "sglang")}
    assert at["vllm"] / at["sglang"] == pytest.approx(32 / 17)
    assert [vllm_rank(rank) for rank in (1, 2, 8, 300, 512)] == [1, 8, 8, 320, 512]
    with pytest.raises(InputError, match="up to 512, not 513"):
        vllm_rank(513)
    with pytest.raises(InputError, match="unknown engine 'tgi'"):
        served_by(costs, "tgi", card.modules)


@pytest.mark.parametrize(
    ("engine", "why"),
    [("vllm", "whichever layers"), ("sglang", "whichever layers"), ("merged", "cost nothing")],
)
def test_a_serving_budget_needs_a_choice(card: LayerCard, engine: str, why: str) -> None:
    with pytest.raises(InputError, match=why):
        place(card, objective="serving", budget="50%", engine=engine)
    choice = place(card, objective="gain", budget="2", engine=engine)
    assert choice.to_dict()["engine"] == engine
    assert choice.best.costs["serving_share"] == 1.0
    assert place(card, objective="serving", budget="50%").costs.engine == "hf"
    targeted = place(card, objective="serving", budget="50%", engine="vllm-targeted")
    assert len(targeted.best.layers) == 6
