"""Scores that reviewers ask for, each against its formula, written naively from the definition."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from realmodel.evidence.baselines import BASELINES
from realmodel.evidence.baselines.explained_variance import MOST, ranks
from realmodel.evidence.baselines.input_output_similarity import linear_cka
from realmodel.evidence.baselines.parameter_gradient_norms import SEQUENCES
from realmodel.finetuning import finetune, target_modules
from realmodel.measure.random_subset import random_subset

LAYERS = (0, 1, 2)


def values(name, context):
    found = BASELINES[name].score(context).values
    assert tuple(found) == LAYERS
    return [found[layer] for layer in LAYERS]


def sequence_loss(model, row):
    logits = model(input_ids=torch.tensor([row.input_ids])).logits[0, :-1]
    return torch.nn.functional.cross_entropy(logits, torch.tensor(row.labels[1:]))


def test_aletheia_sums_the_norms_of_every_parameters_gradient(context):
    model = context.checkpoint.model
    for parameter in model.parameters():
        parameter.requires_grad_(True)
    expected = dict.fromkeys(LAYERS, 0.0)
    for place in random_subset(len(context.encoded), SEQUENCES, 0):
        model.zero_grad()
        sequence_loss(model, context.encoded[place]).backward()
        for name, parameter in model.named_parameters():
            layer = next((x for x in LAYERS if f".{x}." in name), None)
            if layer is not None and parameter.grad is not None:
                expected[layer] += float(parameter.grad.norm())
    model.zero_grad()
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    found = values("parameter-gradient-norms", context)
    assert found == pytest.approx(list(expected.values()), rel=1e-4)
    assert not any(parameter.requires_grad for parameter in model.parameters())


def test_gora_takes_the_mean_of_weight_times_gradient(context):
    expected = [
        np.mean(
            [
                np.mean(np.abs(context.weight(m) * context.statistics.gradient[m.name]))
                for m in context.modules
                if m.layer == layer
            ]
        )
        for layer in LAYERS
    ]
    assert values("weight-times-gradient", context) == pytest.approx(expected)


def test_fisher_trace_is_that_of_the_kronecker_product(context):
    statistics = context.statistics
    expected = [
        sum(
            np.trace(np.kron(statistics.sigma[m.input_group], statistics.gamma[m.name]))
            for m in context.modules
            if m.layer == layer
        )
        for layer in LAYERS
    ]
    assert values("fisher-trace", context) == pytest.approx(expected)


def test_eva_shares_out_all_ranks_by_explained_variance(context):
    found = ranks(context)
    rank = context.protocol.rank
    assert sum(found.values()) == rank * len(context.modules)
    assert max(found.values()) <= MOST * rank
    ratio = {}
    for m in context.modules:
        s = np.linalg.svd(context.statistics.sigma[m.input_group], compute_uv=False)
        ratio[m.name] = s / s.sum()
    taken = min(ratio[name][count - 1] for name, count in found.items() if count)
    left = [ratio[name][count] for name, count in found.items() if count < MOST * rank]
    assert max(left) <= taken * (1 + 1e-6)
    expected = [sum(found[m.name] for m in context.modules if m.layer == layer) for layer in LAYERS]
    assert values("explained-variance", context) == expected


def test_cka_by_its_definition():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((9, 4)), rng.standard_normal((9, 3))
    centre = np.eye(9) - 1 / 9
    K, L = centre @ x @ x.T @ centre, centre @ y @ y.T @ centre
    expected = np.trace(K @ L) / np.sqrt(np.trace(K @ K) * np.trace(L @ L))
    assert linear_cka(torch.tensor(x), torch.tensor(y)) == pytest.approx(expected)


def test_a_layers_score_is_the_dissimilarity_of_its_hidden_states(context):
    context = replace(context, encoded=context.encoded[:3])
    model = context.checkpoint.model
    with torch.no_grad():
        hidden = [
            model(input_ids=torch.tensor([row.input_ids]), output_hidden_states=True).hidden_states
            for row in context.encoded
        ]
    x, y = (torch.cat([states[at][0] for states in hidden]) for at in (0, 1))
    assert values("input-output-similarity", context)[0] == pytest.approx(1 - linear_cka(x, y))


def test_a_pilot_is_a_short_run_of_each_layer_on_training_data_alone(context):
    found = values("single-layer-pilot", context)
    apart = set(random_subset(len(context.encoded), 4, 0))
    held = [row for place, row in enumerate(context.encoded) if place in apart]
    training = [row for place, row in enumerate(context.encoded) if place not in apart]
    short = replace(context.protocol, steps=1, seed=7919)
    run = finetune(
        context.checkpoint, training, held, target_modules(context.table, layers=(1,)), short
    )
    assert found[1] == pytest.approx(run.gain, abs=1e-6)


def test_a_gate_grows_where_the_adapter_helps_and_the_model_is_left_as_it_was(context):
    before = {name: value.clone() for name, value in context.checkpoint.model.state_dict().items()}
    options = replace(context.options, finetune=replace(context.protocol, steps=1))
    still = values("learned-gate", replace(context, options=options))
    # After one step of the adapters the loss has a slope in every gate, and Adam moves each.
    assert sum(still) == pytest.approx(1.0)
    assert all(abs(gate - 1 / 3) > 1e-3 for gate in still)
    after = context.checkpoint.model.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(value, after[name]) for name, value in before.items())


def test_the_gates_first_move_follows_the_slope(context):
    """By hand: one step of the adapters, then the sign of each gate's own derivative."""
    from realmodel.finetuning.loss import trailing_loss
    from realmodel.finetuning.schedule import batch_schedule
    from realmodel.model.adapter import adapted, adapter_parameters
    from realmodel.model.batches import batches

    protocol = replace(context.protocol, steps=1)
    schedule = batch_schedule(context.encoded, batch_size=4, steps=2, seed=0)
    losses = {}
    with adapted(context.checkpoint.model, context.modules, protocol) as peft_model:

        def loss(step):
            rows = [context.encoded[index] for index in schedule[step]]
            total, count = trailing_loss(
                peft_model, next(batches(rows, batch_size=len(rows), pad_id=0))
            )
            return total / count

        factors = list(adapter_parameters(peft_model).values())
        optimizer = torch.optim.AdamW(factors, lr=protocol.learning_rate, weight_decay=0.0)
        loss(0).backward()
        torch.nn.utils.clip_grad_norm_(factors, 1.0)
        optimizer.step()
        for layer in LAYERS:
            ends = []
            for nudge in (0.99, 1.01):
                for m in context.modules:
                    module = peft_model.base_model.model.get_submodule(m.name)
                    module.scaling["default"] = 2.0 * (nudge if m.layer == layer else 1.0)
                with torch.no_grad():
                    ends.append(float(loss(1)))
            losses[layer] = ends[1] - ends[0]
    slopes = np.array(list(losses.values()))
    options = replace(context.options, finetune=protocol)
    found = np.array(values("learned-gate", replace(context, options=options)))
    # In the softmax the gates' slopes count against their mean.
    assert np.array_equal(np.sign(found - 1 / 3), np.sign(slopes.mean() - slopes))
