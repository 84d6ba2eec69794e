"""The tangent gain against an explicit integration of Adam's flow."""

import numpy as np
import pytest
import torch
from scipy.linalg import expm

from realmodel.baselines.tangent_gain import TangentGain
from realmodel.baselines.tangent_gradients import TangentGradients, tangent_gradients
from realmodel.baselines.tangent_quadratic import tangent_quadratic
from realmodel.finetune import FinetuneOptions, target_modules
from realmodel.finetune.adapter import adapted, adapter_parameters

TIME, BATCH = 0.7, 3


@pytest.fixture
def gradients():
    rng = np.random.default_rng(0)
    sizes = {0: 4, 1: 5, 2: 3}

    def draw():
        return {k: rng.standard_normal((9, p)).astype(np.float32) for k, p in sizes.items()}

    return TangentGradients(draw(), draw(), rng.integers(2, 6, 9).astype(float))


def explicit(gradients, layers, time):
    """Loss decrease of theta' = -P (g + F theta) by the matrix exponential."""
    total, mean = gradients.tokens.sum(), gradients.tokens.mean()
    data = np.hstack([gradients.data[k] for k in layers]).astype(float)
    rows = np.hstack([gradients.sampled[k] for k in layers]).astype(float)
    g, F = data.sum(0) / total, rows.T @ rows / total
    batch = data * BATCH / (BATCH * mean)  # a batch's mean gradient is the mean of these
    v = g**2 + batch.var(0) / BATCH
    P = np.diag(v**-0.5)
    size = len(g)
    flow = np.zeros((size + 1, size + 1))
    flow[:size, :size], flow[:size, size] = -P @ F, -P @ g
    theta = expm(time * flow)[:size, size]
    return -(g @ theta + 0.5 * theta @ F @ theta)


@pytest.mark.parametrize("layers", [(0,), (1, 2), (0, 1, 2)])
@pytest.mark.parametrize("time", [0.01, TIME, 20.0])
def test_the_gain_is_that_of_the_preconditioned_flow(gradients, layers, time):
    score = TangentGain.from_gradients(gradients, batch_size=BATCH, time=time)
    assert score.value(layers) == pytest.approx(explicit(gradients, layers, time), rel=1e-8)


def test_a_short_time_gives_the_first_order_gain_which_is_additive(gradients):
    score = TangentGain.from_gradients(gradients, batch_size=BATCH, time=1e-7)
    first_order = sum(score.squares.values()) * 1e-7
    assert score.value((0, 1, 2)) == pytest.approx(first_order, rel=1e-4)
    long = TangentGain.from_gradients(gradients, batch_size=BATCH, time=TIME)
    assert long.value((0, 1, 2)) != pytest.approx(sum(long.value((k,)) for k in range(3)))


def test_the_pick_is_the_best_set(gradients):
    score = TangentGain.from_gradients(gradients, batch_size=BATCH, time=TIME)
    best = max([(0, 1), (0, 2), (1, 2)], key=lambda s: explicit(gradients, s, TIME))
    assert score.pick(2) == best


def test_a_greedy_pick_when_there_are_too_many_sets(gradients, monkeypatch):
    monkeypatch.setattr("realmodel.baselines.tangent_gain.EXHAUSTIVE_UP_TO", 0)
    score = TangentGain.from_gradients(gradients, batch_size=BATCH, time=TIME)
    first = max(range(3), key=lambda k: score.value((k,)))
    assert first in score.pick(2)
    assert len(score.pick(2)) == 2


def test_the_gradients_are_those_of_the_adapters(context):
    checkpoint, encoded = context.checkpoint, context.encoded[:4]
    options = FinetuneOptions(rank=2, seed=5)
    found = tangent_gradients(checkpoint.model, encoded, context.modules, options)
    layer = 1
    modules = target_modules(context.table, layers=[layer])
    with adapted(checkpoint.model, modules, options) as peft_model:
        outer = [p for n, p in adapter_parameters(peft_model).items() if "lora_B" in n]
        for row, example in enumerate(encoded):
            logits = peft_model(torch.tensor([example.input_ids])).logits[0, :-1]
            labels = torch.tensor(example.labels[1:])
            kept = labels != -100
            loss = torch.nn.functional.cross_entropy(logits[kept], labels[kept], reduction="sum")
            expected = torch.cat([g.flatten() for g in torch.autograd.grad(loss, outer)])
            assert found.data[layer][row] == pytest.approx(
                expected.numpy(), rel=1e-3, abs=1e-4 * float(expected.abs().max())
            )
    assert found.tokens.tolist() == [e.num_completion_tokens for e in encoded]


def test_sampled_gradients_average_to_zero(context):
    options = FinetuneOptions(rank=2)
    encoded = context.encoded[:1] * 150
    found = tangent_gradients(context.checkpoint.model, encoded, context.modules, options)
    rows = found.sampled[2].astype(float)
    z = rows.mean(0) / (rows.std(0) / np.sqrt(len(rows)) + 1e-12)
    # The score has mean zero: about 5% of the coordinates beyond 2, none far beyond 5.
    assert np.mean(np.abs(z) > 2) < 0.15
    assert np.abs(z).max() < 6


@pytest.mark.parametrize("layers", [(0,), (0, 2), (0, 1, 2)])
def test_the_quadratic_is_the_ridged_model(gradients, layers):
    score = TangentGain.from_gradients(gradients, batch_size=BATCH, time=TIME)
    quadratic = tangent_quadratic(score, leading=9)
    total, mean = gradients.tokens.sum(), gradients.tokens.mean()
    data = np.hstack([gradients.data[k] for k in layers]).astype(float)
    rows = np.hstack([gradients.sampled[k] for k in layers]).astype(float)
    g, F = data.sum(0) / total, rows.T @ rows / total
    v = g**2 + (data / mean).var(0) / BATCH
    ridged = F + np.diag(np.sqrt(v)) / (2 * TIME)
    assert quadratic.gain(layers) == pytest.approx(0.5 * g @ np.linalg.solve(ridged, g), rel=1e-8)


def test_fewer_directions_gain_less_and_a_small_budget_is_first_order(gradients):
    score = TangentGain.from_gradients(gradients, batch_size=BATCH, time=TIME)
    gains = [tangent_quadratic(score, leading=k).gain() for k in (1, 3, 9)]
    assert gains == sorted(gains)
    short = TangentGain.from_gradients(gradients, batch_size=BATCH, time=1e-7)
    found = tangent_quadratic(short)
    assert found.gain((0, 1)) == pytest.approx(short.value((0, 1)), rel=1e-4)
    assert found.coupling < 1e-3 < tangent_quadratic(score).coupling
