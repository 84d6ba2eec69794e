"""A card measured on a tiny random model, against independent computations."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from realmodel.card import CardOptions, LayerCard, measure_card
from realmodel.datasets import read_examples
from realmodel.measure.gauss_newton import CurvatureOptions, LanczosOptions
from realmodel.measure.pass_options import PassOptions
from realmodel.model.batches import batches, completion_loss, encode, padding_id
from realmodel.model.checkpoint import load_checkpoint
from realmodel.model.lora_protocol import FinetuneOptions
from realmodel.model.window import Window
from theory import InputError


def test_the_loss_is_the_mean_over_completion_tokens(
    measured: LayerCard, gpt2_folder: Path, task_file: Path
) -> None:
    checkpoint = load_checkpoint(gpt2_folder)
    encoded = encode(read_examples(task_file), checkpoint.tokenizer, max_length=32)
    total, count = 0.0, 0
    for batch in batches(encoded, batch_size=5, pad_id=padding_id(checkpoint.tokenizer)):
        with torch.no_grad():
            loss, tokens = completion_loss(checkpoint.model, batch)
        total, count = total + float(loss), count + tokens
    assert measured.data["loss"] == pytest.approx(total / count, rel=1e-6)
    assert measured.data["completion_tokens"] == count


def test_every_layer_and_module_has_every_measure(measured: LayerCard) -> None:
    assert measured.indices == (0, 1, 2, 3)
    for profile in (*measured.layers, *measured.module_profiles):
        record = profile.measures.to_dict()
        missing = {name for name, value in record.items() if value is None}
        error = {"budget_gain_error"}  # of layers only
        assert missing & error == (set() if profile in measured.layers else error)
        assert missing - error <= {"condition_number", "residual_norm_cross_fitted"}
        assert missing <= set(record["reasons"])


def test_a_layer_is_the_union_of_its_modules(measured: LayerCard) -> None:
    for layer in measured.layers:
        own = [m for m in measured.module_profiles if m.module.layer == layer.layer]
        for name in ("residual_norm", "residual_norm_activation", "gradient_norm"):
            squares = sum(getattr(m.measures, name) ** 2 for m in own)
            assert getattr(layer.measures, name) ** 2 == pytest.approx(squares, rel=1e-10)
        crossed = sum(m.measures.residual_squared_cross_fitted or 0.0 for m in own)
        assert layer.measures.residual_squared_cross_fitted == pytest.approx(crossed, rel=1e-8)


def test_gains_alone_are_half_the_squared_residual_norms_of_the_quadratic(
    measured: LayerCard,
) -> None:
    gains = [profile.measures.gain for profile in measured.layers]
    predictor = measured.predictor("gauss-newton")
    np.testing.assert_allclose(gains, 0.5 * predictor.quadratic.residual_norms**2, rtol=1e-12)
    errors = [profile.measures.gain_error for profile in measured.layers]
    np.testing.assert_allclose(errors, [predictor.gain_error((i,)) for i in range(4)], rtol=1e-8)
    assert measured.tangent is not None
    within = [profile.measures.budget_gain for profile in measured.layers]
    expected = [measured.tangent.quadratic.gain([i]) for i in range(4)]
    np.testing.assert_allclose(within, expected, rtol=1e-10)


def test_the_saved_card_is_the_card(measured: LayerCard, tmp_path: Path) -> None:
    measured.save(tmp_path / "card.json")
    assert LayerCard.load(tmp_path / "card.json").to_json() == measured.to_json()


def test_two_runs_agree(measured: LayerCard, gpt2_folder: Path, task_file: Path) -> None:
    options = CardOptions(
        protocol=FinetuneOptions(rank=2, alpha=4.0),
        exact_curvature=True,
        curvature=CurvatureOptions(directions=2),
        one_pass=PassOptions(batch_size=3),
        calibrate=False,
    )
    again = measure_card(load_checkpoint(gpt2_folder), read_examples(task_file), options)
    for name in ("tangent", "gauss-newton"):
        ours, theirs = (made.predictor(name).quadratic for made in (again, measured))  # type: ignore[arg-type]
        assert ours.gain() == pytest.approx(theirs.gain(), rel=1e-3)
        np.testing.assert_allclose(ours.residual_norms, theirs.residual_norms, rtol=1e-3)
    assert again.data["digest"] == measured.data["digest"]


def test_a_sequence_beyond_the_window_is_refused(gpt2_folder: Path, task_file: Path) -> None:
    with pytest.raises(InputError, match="window is 3"):
        measure_card(
            load_checkpoint(gpt2_folder),
            read_examples(task_file),
            CardOptions(window=Window(max_length=3)),
        )


@pytest.mark.parametrize(
    ("field", "make"),
    [
        ("directions", lambda: CurvatureOptions(directions=0)),
        ("curvature_samples", lambda: CurvatureOptions(curvature_samples=0)),
        ("damping must be finite", lambda: CurvatureOptions(damping=np.inf)),
        ("tangent_samples", lambda: PassOptions(tangent_samples=0)),
        ("offload 'moon'", lambda: PassOptions(offload="moon")),  # type: ignore[arg-type]
        ("draws", lambda: CardOptions(one_pass=PassOptions(draws=0))),
        ("draws", lambda: PassOptions(draws=-1)),
        ("ridge", lambda: CardOptions(ridge=-1.0)),
        ("interval_products", lambda: LanczosOptions(products=0)),
        ("interval_damping", lambda: LanczosOptions(damping=0.0)),
        ("max_length", lambda: Window(max_length=0)),
    ],
)
def test_options_out_of_range_are_refused(field: str, make: Callable[[], object]) -> None:
    with pytest.raises(InputError, match=field):
        make()


def test_a_card_keeps_every_option_flat_under_its_flag_s_name(
    measured: LayerCard, tmp_path: Path
) -> None:
    options = CardOptions(
        protocol=FinetuneOptions(rank=2, alpha=4.0, seed=7),
        window=Window(40, "skip"),
        one_pass=PassOptions(2, 9, 3, 2, "cpu"),
        ridge=0.25,
        modules=("*.c_fc",),
        pilot=None,
        trials=4,
        exact_curvature=True,
        curvature=CurvatureOptions(1, 0.5, 6),
        intervals=((0, 1), (2,)),
        lanczos=LanczosOptions(3, 2.0),
        gradient_checkpointing="reentrant",
        packing=64,
        calibrate=False,
    )
    record = options.to_dict()
    assert record == {
        "rank": 2, "alpha": 4.0, "seed": 7, "max_length": 40, "too_long": "skip", "batch_size": 2,
        "tangent_samples": 9, "draws": 3, "partitions": 2, "offload": "cpu", "ridge": 0.25,
        "modules": ["*.c_fc"], "pilot": None, "trials": 4, "exact_curvature": True,
        "directions": 1, "damping": 0.5, "curvature_samples": 6, "intervals": [[0, 1], [2]],
        "interval_products": 3, "interval_damping": 2.0, "gradient_checkpointing": "reentrant",
        "packing": 64, "calibrate": False,
    }  # fmt: skip
    replace(measured, options=record).save(tmp_path / "card.json")
    assert LayerCard.load(tmp_path / "card.json").options == record


def test_arguments_of_the_wrong_kind(gpt2_folder: Path, task_file: Path) -> None:
    checkpoint, rows = load_checkpoint(gpt2_folder), read_examples(task_file)
    wrong: list[tuple[tuple[Any, ...], str]] = [
        ((checkpoint.model, rows), "expected a Checkpoint, .* got GPT2LMHeadModel"),
        ((checkpoint, rows, {"rank": 8}), "and CardOptions; got Checkpoint and dict"),
        ((checkpoint, [{"prompt": "a", "completion": "b"}]), "expected examples, .* got {'prompt'"),
        ((checkpoint, str(task_file)), "expected examples, as read_examples returns them; got"),
        ((checkpoint, iter(())), "none of 0 examples"),
    ]
    for arguments, message in wrong:
        with pytest.raises(InputError, match=message):
            measure_card(*arguments)
