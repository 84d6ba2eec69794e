"""Other packages on the same tiny model: peft's are at hand, the others only in their own place."""

import torch
from transformers import GPT2Config, GPT2LMHeadModel

from realmodel.bench.peers import corda, kappatune, ours, ours_curvature
from realmodel.bench.peers.__main__ import difference, outcome_of
from realmodel.bench.peers.peer import Work
from realmodel.measure.gauss_newton import Directions
from realmodel.model.batches import EncodedExample
from realmodel.model.modules import find_modules


def tiny_work() -> Work:
    torch.manual_seed(0)
    config = GPT2Config(
        n_embd=16, n_layer=2, n_head=2, vocab_size=32, n_positions=16, bos_token_id=0,
        eos_token_id=0, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0,
        attn_implementation="eager",
    )  # fmt: skip
    model = GPT2LMHeadModel(config).double().eval()
    modules = find_modules(model).modules
    examples = [
        EncodedExample((1, 2, 3, 4), (-100, -100, 3, 4), "a"),
        EncodedExample((5, 6, 7), (-100, 6, 7), "b"),
        EncodedExample((8, 9, 3, 2, 1), (-100, 9, 3, 2, 1), "c"),
    ]
    draw = torch.Generator().manual_seed(1)
    directions = Directions(
        modules,
        {m.name: torch.randn(1, m.out_features, generator=draw).double().numpy() for m in modules},
        {m.name: torch.randn(1, m.in_features, generator=draw).double().numpy() for m in modules},
    )
    return Work(model, examples, modules, 2, directions)


def test_gradient_agrees_with_lora_ga() -> None:
    mine, theirs = ours.run(tiny_work()).values, outcome_of("lora_ga", tiny_work()).values
    found = difference(mine, dict(theirs))
    assert list(found) == ["gradient"]
    assert found["gradient"] < 1e-5


def test_difference_sees_a_wrong_number() -> None:
    right = {"gradient/a": torch.ones(2, 2), "sigma/a": torch.eye(2)}
    wrong = {"gradient/a": torch.ones(2, 2) * 1.1, "sigma/b": torch.eye(2)}
    found = difference(right, wrong)
    assert list(found) == ["gradient"]
    assert abs(found["gradient"] - 0.1) < 1e-6


def test_joint_curvature_is_the_logits_second_moment() -> None:
    work = tiny_work()
    (joint,) = ours_curvature.run(work).values.values()
    model, step, total, tokens = work.model, 1e-5, 0.0, 0

    def shift(scale: float) -> None:
        for m in work.modules:
            left, right = work.directions.left[m.name], work.directions.right[m.name]
            dense = torch.from_numpy(right.T @ left if m.transposed else left.T @ right)
            model.get_submodule(m.name).weight.data += scale * dense

    for example in work.examples:
        ids = torch.tensor([example.input_ids])
        places = [i - 1 for i, label in enumerate(example.labels) if label != -100]
        with torch.no_grad():
            p = model(input_ids=ids).logits[0, places].softmax(-1)
            shift(step)
            up = model(input_ids=ids).logits[0, places]
            shift(-2 * step)
            down = model(input_ids=ids).logits[0, places]
            shift(step)
        J = (up - down) / (2 * step)
        total += float((p * J**2).sum() - ((p * J).sum(-1) ** 2).sum())
        tokens += len(places)
    assert abs(float(joint) - total / tokens) < 1e-5 * abs(total / tokens)


def test_packages_that_share_no_number_run_and_say_so() -> None:
    assert "not a second moment" in corda.run(tiny_work()).note
    assert "weights only" in kappatune.run(tiny_work()).note


def test_a_package_that_is_absent_is_named() -> None:
    assert "not installed" in outcome_of("no_such_peer", tiny_work()).note
