"""The tangent gain against an explicit integration of Adam's flow."""

import numpy as np
import pytest
import torch
from scipy.linalg import expm

from realmodel.finetune import FinetuneOptions, target_modules
from realmodel.finetune.adapter import adapted, adapter_parameters
from realmodel.tangent import (
    TangentGain,
    TangentGradients,
    tangent_gradients,
    tangent_quadratic,
    tangent_replicates,
)

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
    first_order = sum(own.square for own in score.kernels.values()) * 1e-7
    assert score.value((0, 1, 2)) == pytest.approx(first_order, rel=1e-4)
    long = TangentGain.from_gradients(gradients, batch_size=BATCH, time=TIME)
    assert long.value((0, 1, 2)) != pytest.approx(sum(long.value((k,)) for k in range(3)))


def test_the_pick_is_the_best_set(gradients):
    score = TangentGain.from_gradients(gradients, batch_size=BATCH, time=TIME)
    best = max([(0, 1), (0, 2), (1, 2)], key=lambda s: explicit(gradients, s, TIME))
    assert score.pick(2) == best


def test_a_greedy_pick_when_there_are_too_many_sets(gradients, monkeypatch):
    monkeypatch.setattr("realmodel.tangent.gain.EXHAUSTIVE_UP_TO", 0)
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


def without(gradients, left_out):
    """The gradients of the other sequences."""
    kept = np.arange(len(gradients.tokens)) != left_out

    def rows(parts):
        return {layer: values[kept] for layer, values in parts.items()}

    return TangentGradients(rows(gradients.data), rows(gradients.sampled), gradients.tokens[kept])


def test_a_replicate_is_the_quadratic_of_the_other_sequences(gradients):
    """In coordinates and with the scaling of all sequences, from an explicit basis."""
    score = TangentGain.from_gradients(gradients, batch_size=BATCH, time=TIME)
    found = tangent_replicates(score, leading=9)
    total, mean = gradients.tokens.sum(), gradients.tokens.mean()
    data = np.hstack([gradients.data[k] for k in range(3)]).astype(float)
    v = (data.sum(0) / total) ** 2 + (data / mean).var(0) / BATCH
    for group, quadratic in enumerate(found.quadratics):  # nine groups of one sequence
        other = without(gradients, group)
        tokens = other.tokens.sum()
        g = np.hstack([other.data[k] for k in range(3)]).astype(float).sum(0) / tokens
        rows = np.hstack([other.sampled[k] for k in range(3)]).astype(float)
        ridged = rows.T @ rows / tokens + np.diag(np.sqrt(v)) / (2 * TIME)
        # All of a layer's directions are kept here, for it has fewer than sequences.
        assert quadratic.gain() == pytest.approx(0.5 * g @ np.linalg.solve(ridged, g), rel=1e-8)


def test_the_error_of_the_gain_is_about_its_spread_over_samples():
    """Jackknife against the spread of the gain over fresh samples of sequences."""
    rng = np.random.default_rng(1)
    mean = {layer: rng.standard_normal(6) for layer in range(2)}

    def measured():
        def draw(offset):
            return {
                layer: (offset * mean[layer] + rng.standard_normal((48, 6))).astype(np.float32)
                for layer in mean
            }

        gradients = TangentGradients(draw(1.0), draw(0.0), np.full(48, 3.0))
        score = TangentGain.from_gradients(gradients, batch_size=BATCH, time=TIME)
        error = tangent_replicates(score).gain_error((0, 1))
        return tangent_quadratic(score).gain(), error

    gains, errors = np.array([measured() for _ in range(200)]).T
    assert 0.75 < errors.mean() / gains.std() < 1.35


def test_two_sequences_have_no_error(gradients):
    few = TangentGradients(
        {k: rows[:2] for k, rows in gradients.data.items()},
        {k: rows[:2] for k, rows in gradients.sampled.items()},
        gradients.tokens[:2],
    )
    score = TangentGain.from_gradients(few, batch_size=BATCH, time=TIME)
    assert tangent_replicates(score) is None
