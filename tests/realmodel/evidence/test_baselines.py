"""Each baseline against its formula, written naively from the definition."""

from dataclasses import replace
from itertools import combinations
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from peft.helpers import find_kappa_target_modules

from realmodel.card.pilot import Pilot, PilotRun
from realmodel.card.predictor import Predictor
from realmodel.card.saturation import Saturation
from realmodel.datasets import read_examples
from realmodel.evidence import CompareOptions
from realmodel.evidence.baselines import BASELINES, Context, Forecast, JointGain, LayerScores
from realmodel.evidence.baselines.condition_number import condition_number
from realmodel.evidence.baselines.feature_norm import feature_norms
from realmodel.evidence.baselines.pilot import Piloted, tried
from realmodel.evidence.baselines.position import UniformSpread
from realmodel.evidence.baselines.residual_norm import RIDGE
from realmodel.evidence.baselines.signal_to_noise import signal_to_noise
from realmodel.evidence.baselines.spread_gain import SpreadGain
from realmodel.finetuning import FinetuneOptions
from realmodel.model.batches import completion_loss, encode
from realmodel.model.checkpoint import load_checkpoint
from realmodel.model.modules import find_modules
from realmodel.placement.structured import structured_placements
from tests.realmodel.handmade_card import save_task
from theory import BlockQuadratic, InputError

LAYERS = (0, 1, 2)


def layer_values(score):
    assert isinstance(score, LayerScores)
    return [score.values[layer] for layer in LAYERS]


def from_worst(values):
    return [value - min(values) for value in values]


def by_layer(context, value):
    return {layer: [value(m) for m in context.modules if m.layer == layer] for layer in LAYERS}


def mean_gradients(context):
    """By autograd on the weights, all sequences, in (out, in) orientation."""
    model = context.checkpoint.model
    weights = {m.name: model.get_submodule(m.name).weight for m in context.modules}
    total = dict.fromkeys(weights, 0.0)
    tokens = 0
    for row in context.encoded:
        ids, labels = torch.tensor([row.input_ids]), torch.tensor([row.labels])
        batch = SimpleNamespace(inputs={"input_ids": ids}, labels=labels)
        loss, count = completion_loss(model, batch)
        tokens += count
        found = torch.autograd.grad(loss, list(weights.values()))
        for name, gradient in zip(weights, found, strict=True):
            total[name] = total[name] + gradient.double().numpy()
    return {
        m.name: (total[m.name].T if m.transposed else total[m.name]) / tokens
        for m in context.modules
    }


def test_gradient_norms(context):
    gradients = mean_gradients(context)
    squares = by_layer(context, lambda m: np.sum(gradients[m.name] ** 2))
    weights = by_layer(context, lambda m: np.sum(context.weight(m) ** 2))
    norms = [np.sqrt(sum(squares[layer])) for layer in LAYERS]
    assert layer_values(BASELINES["gradient-norm"].score(context)) == pytest.approx(norms, rel=1e-4)
    relative = [n / np.sqrt(sum(weights[layer])) for n, layer in zip(norms, LAYERS, strict=True)]
    found = layer_values(BASELINES["relative-gradient-norm"].score(context))
    assert found == pytest.approx(relative, rel=1e-4)


def test_empirical_fisher(context):
    expected = dict.fromkeys(LAYERS, 0.0)
    for row in context.encoded:
        one = replace(context, encoded=(row,))
        gradients = mean_gradients(one)
        for m in context.modules:
            expected[m.layer] += np.sum(gradients[m.name] ** 2) / len(context.encoded)
    found = layer_values(BASELINES["empirical-fisher"].score(context))
    assert found == pytest.approx(list(expected.values()), rel=1e-4)


def test_residual_norms(context):
    statistics = context.statistics

    def ridged(matrix):
        return matrix + RIDGE * np.trace(matrix) / len(matrix) * np.eye(len(matrix))

    def activation(m):
        G, Sigma = statistics.gradient[m.name], ridged(statistics.sigma[m.input_group])
        return 0.5 * np.trace(G @ np.linalg.inv(Sigma) @ G.T)

    def kronecker(m):
        G, Sigma = statistics.gradient[m.name], ridged(statistics.sigma[m.input_group])
        Gamma = ridged(statistics.gamma[m.name])
        return 0.5 * np.trace(np.linalg.inv(Gamma) @ G @ np.linalg.inv(Sigma) @ G.T)

    for name, value in (("residual-norm", activation), ("residual-norm-kronecker", kronecker)):
        expected = [sum(values) for values in by_layer(context, value).values()]
        found = layer_values(BASELINES[name].score(context))
        assert found == pytest.approx(expected, rel=1e-6)


def test_feature_norm_is_the_ratio_to_random_features(context):
    m = context.modules[2]
    W, Sigma = context.weight(m), context.statistics.sigma[m.input_group]
    rng = np.random.default_rng(0)
    draws = rng.standard_normal((200_000, len(Sigma)))
    # Singular up to the rounding of single precision: a square root, not a Cholesky factor.
    lam, V = np.linalg.eigh(Sigma)
    z = draws @ (V * np.sqrt(np.maximum(lam, 0))).T
    random = draws * np.sqrt(np.trace(Sigma) / len(Sigma))
    ratio = np.sqrt(np.mean(np.sum((z @ W.T) ** 2, 1)) / np.mean(np.sum((random @ W.T) ** 2, 1)))
    assert feature_norms(context)[m.name] == pytest.approx(ratio, rel=0.02)
    values = by_layer(context, lambda m: feature_norms(context)[m.name])
    expected = from_worst([-np.mean(values[layer]) for layer in LAYERS])
    assert layer_values(BASELINES["feature-norm"].score(context)) == pytest.approx(expected)


def test_signal_to_noise_by_hand():
    # Singular values 10, 1..8/10: quartiles by hand give the edge.
    s = np.array([10.0, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1])
    edge = (0.7 - 0.3) / 1.349 * 2
    noise = sum(x for x in s if x <= edge)
    signal = sum(x for x in s if x > edge)
    rng = np.random.default_rng(0)
    Q, _ = np.linalg.qr(rng.standard_normal((9, 9)))
    assert signal_to_noise(Q * s @ Q.T) == pytest.approx(signal / noise / 10)
    assert signal_to_noise(np.eye(3)) == pytest.approx(3.0)


def test_signal_to_noise_of_a_layer_is_relative_to_its_kinds(context):
    found = layer_values(BASELINES["signal-to-noise"].score(context))
    assert np.mean(found) == pytest.approx(1.0)


def test_condition_number_orders_modules_as_peft_does(context):
    if any(m.transposed for m in context.modules):
        pytest.skip("peft's own tool does not see Conv1D")
    names = find_kappa_target_modules(context.checkpoint.model, top_p=1.0, show_progress=False)
    wanted = [n for n in names["target_modules"] if n != "lm_head"]
    ours = sorted(context.modules, key=lambda m: condition_number(context.weight(m)))
    assert [m.name for m in ours] == wanted
    values = by_layer(context, lambda m: np.log(np.linalg.cond(context.weight(m))))
    expected = from_worst([-np.mean(values[layer]) for layer in LAYERS])
    found = layer_values(BASELINES["condition-number"].score(context))
    assert found == pytest.approx(expected, rel=1e-4, abs=1e-9)


def test_positions(context):
    picks = {
        name: BASELINES[name].score(context).pick(1) for name in BASELINES if name.endswith("-k")
    }
    assert picks == {"first-k": (0,), "last-k": (2,), "middle-k": (1,), "uniform-k": (1,)}
    uniform = BASELINES["uniform-k"].score(context)
    assert uniform.pick(3) == LAYERS
    for size in range(1, 31):
        own = UniformSpread(tuple(range(30)))
        assert own.pick(size) == structured_placements(range(30), size)["uniform-k"]
    assert uniform.value((1,)) > uniform.value((0,))
    random = BASELINES["random"].score(context)
    assert sorted(layer_values(random)) == [0.0, 1.0, 2.0]


def quadratic():
    H = np.array([[1.0, -0.8, 0.0], [-0.8, 1.0, 0.0], [0.0, 0.0, 1.0]])
    return BlockQuadratic(np.array([1.0, 0.0, 0.5]), H, (1, 1, 1))


@pytest.mark.parametrize("search", ["greedy", "exact"])
def test_joint_gain_is_that_of_the_quadratic_on_the_layers_named(search):
    score = JointGain(quadratic(), (4, 7, 9), search)
    assert score.value((4, 7)) == pytest.approx(quadratic().gain([0, 1]))
    assert score.pick(2) == (4, 7)


def test_the_additive_score_is_the_sum_of_single_gains(context):
    vars(context)["quadratic"] = quadratic()  # as if it had been measured
    additive = BASELINES["additive-gain"].score(context)
    joint = BASELINES["joint-gain-exact"].score(context)
    assert additive.value((0, 2)) == pytest.approx(joint.value((0,)) + joint.value((2,)))
    assert additive.value((0, 1)) != pytest.approx(joint.value((0, 1)))


def test_a_score_without_its_measurement_says_so(context):
    with pytest.raises(InputError, match="needs the Gauss-Newton model"):
        BASELINES["joint-gain-greedy"].score(context)


@pytest.mark.parametrize("size", [0, 4])
def test_a_pick_that_does_not_fit_is_refused(size):
    scores = LayerScores(dict.fromkeys(LAYERS, 1.0))
    for score in (scores, JointGain(quadratic(), LAYERS, "greedy")):
        with pytest.raises(InputError, match=f"cannot choose {size} of 3 layers"):
            score.pick(size)


def test_every_baseline_has_a_source_and_picks_layers_that_exist(context):
    names = set(find_modules(context.checkpoint.model).layers)
    for name, baseline in BASELINES.items():
        assert baseline.name == name
        assert len(baseline.source) > 20
        if baseline.need != "quadratic" and name not in ("pilot", "trials"):  # need more sequences
            assert set(baseline.score(context).pick(2)) <= names


def pilot_of(whole, some):
    protocol = FinetuneOptions(steps=9)
    runs = (PilotRun((4, 7, 9), *whole, 0.01), PilotRun((4, 9), *some, 0.01))
    return Pilot(protocol, 9, 40, 10, 3.0, *runs)


def test_a_pilot_sets_the_level_and_keeps_the_order():
    tangent = Predictor("tangent", quadratic())
    whole, some = tangent.quadratic.gain(), tangent.quadratic.gain([0, 2])
    pilot = pilot_of((whole, 0.4 * whole), (some, 0.45 * some))
    score = Piloted(tangent, pilot, (4, 7, 9))
    assert isinstance(score, Forecast)
    assert score.value((4, 7, 9)) == pytest.approx(0.4 * whole)
    assert score.value((4, 9)) == pytest.approx(0.45 * some)
    low, high = score.interval((4, 9))
    assert low < score.value((4, 9)) < high
    assert score.pick(2) == JointGain(quadratic(), (4, 7, 9), "exact").pick(2)


def test_a_pilot_that_refuses_forecasts_nothing():
    tangent = Predictor("tangent", quadratic())
    score = Piloted(tangent, pilot_of((1.0, -0.5), (0.5, -0.2)), (4, 7, 9))
    assert score.pilot.refusal
    assert (score.value((4,)), score.interval((4,))) == (0.0, (0.0, 0.0))


def test_spread_gain_prefers_layers_that_differ():
    alike = np.array([[1.0, 0.9, 0.0], [0.9, 1.0, 0.0], [0.0, 0.0, 1.0]])
    gain = JointGain(
        BlockQuadratic(np.array([1.0, 0.98, 0.9]), np.eye(3), (1, 1, 1)), LAYERS, "exact"
    )
    assert gain.pick(2) == LAYERS[:2]
    spread = SpreadGain(gain, alike)
    assert spread.pick(2) == (LAYERS[0], LAYERS[2])
    assert SpreadGain(gain, np.eye(3)).pick(2) == gain.pick(2)
    values = {pair: spread.value(pair) for pair in combinations(LAYERS, 2)}
    assert max(values, key=values.__getitem__) == spread.pick(2)
    assert spread.value(LAYERS[:1]) == gain.value(LAYERS[:1])


def test_another_models_forecast_has_its_own_curve_and_spread():
    whole = quadratic().gain()
    pilot = pilot_of((whole, 0.4 * whole), (0.5 * whole, 0.3 * whole))
    model, curve = Predictor("trials", quadratic()), Saturation(1.0, whole)
    score = Piloted(model, pilot, (4, 7, 9), curve, 0.01)
    assert score.value((4, 7, 9)) == pytest.approx(whole / 2)
    wide = Piloted(model, pilot, (4, 7, 9), curve, 0.5)
    assert wide.value((4, 7)) == score.value((4, 7))
    assert wide.interval((4, 7))[1] > score.interval((4, 7))[1]


def test_ten_single_layers_are_trained_where_there_are_sequences(gpt2_folder, tmp_path):
    checkpoint = load_checkpoint(gpt2_folder)
    task = save_task(tmp_path / "task.jsonl", count=80)
    encoded = encode(read_examples(task), checkpoint.tokenizer, max_length=32)
    protocol = FinetuneOptions(rank=2, steps=2, batch_size=4, learning_rate=3e-3)
    table = find_modules(checkpoint.model)
    options = CompareOptions(finetune=protocol)
    found = tried(Context(checkpoint, table, encoded, options, tmp_path))
    assert found.model.name == "trials"
    assert found.model.quadratic.sizes == (1,) * len(table.layers)
    low, high = found.interval(table.layers[:2])
    assert low < found.value(table.layers[:2]) < high
    assert set(found.pick(2)) <= set(table.layers)
