"""The modules' model against its definition, and its file with everything that can be wrong."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from realmodel.card import LayerCard
from realmodel.card.module_model import FILE, ModuleModel
from realmodel.measure.tangent.coordinates import Coordinates
from realmodel.measure.tangent.gain import TangentGain
from realmodel.measure.tangent.kernel import Kernel
from theory import InputError

N, TIME = 6, 0.02


def random_gain(seed: int = 0, modules: int = 5) -> tuple[TangentGain, list[np.ndarray]]:
    """Kernels of random rows, and the rows: of the data (n, d) and of the draws (n, d)."""
    rng = np.random.default_rng(seed)
    tokens = rng.integers(2, 9, N).astype(float)
    kernels, rows = {}, []
    for at in range(modules):
        D, S = rng.standard_normal((2, N, 4 + at)) * rng.uniform(0.3, 3.0)
        g = D.sum(axis=0) / tokens.sum()
        kernels[at] = Kernel(S @ S.T, S @ g, float(g @ g), D @ S.T, D @ g)
        rows += [D, S]
    return TangentGain(kernels, tokens, TIME), rows


def model_of(gain: TangentGain, responses: int = N) -> ModuleModel:
    Y = np.eye(N)[:, :responses]
    return ModuleModel(Coordinates.along(gain, Y), np.arange(N) % 3)


def defined(
    rows: list[np.ndarray], tokens: np.ndarray, chosen: list[int], kept: np.ndarray
) -> float:
    """``g'(S'S + ridge)^{-1}g / 2`` of some sequences, in the span of all sequences' rows."""
    share = tokens.sum() / tokens[kept].sum()
    spans = []
    for at in chosen:
        D, S = rows[2 * at], rows[2 * at + 1]
        spans.append(np.linalg.svd(np.vstack([S, D.sum(axis=0)]), full_matrices=False)[2].T)
    D, S = (
        np.hstack([rows[2 * at + kind][kept] @ V for at, V in zip(chosen, spans, strict=True)])
        for kind in (0, 1)
    )
    g = D.sum(axis=0) / tokens[kept].sum()
    H = share * S.T @ S + np.eye(len(g)) / (2 * TIME)
    return float(g @ np.linalg.solve(H, g)) / 2


def test_with_all_responses_a_gain_is_that_of_every_coordinate() -> None:
    gain, rows = random_gain()
    model, every = model_of(gain), np.arange(N)
    for chosen in ([0], [1, 3], [0, 2, 4], [0, 1, 2, 3, 4]):
        expected = defined(rows, gain.tokens, chosen, every)
        assert model.gain(chosen) == pytest.approx(expected, rel=1e-9)
        assert model_of(gain, 2).gain(chosen) <= expected * (1 + 1e-9)


def test_units_add_up_their_modules() -> None:
    model = model_of(random_gain()[0], 3)
    quadratic = model.quadratic([[0, 3], [1], [2, 4]])
    assert quadratic.gain([0]) == pytest.approx(model.gain([0, 3]), rel=1e-10)
    assert quadratic.gain([0, 2]) == pytest.approx(model.gain([0, 2, 3, 4]), rel=1e-10)
    assert model.gain([]) == 0.0


def test_the_error_is_the_jackknife_of_its_definition() -> None:
    gain, rows = random_gain(2)
    model = model_of(gain)
    for chosen, other in (([1, 3], None), ([1, 3], [0, 4])):
        left = []
        for group in range(3):
            kept = np.flatnonzero(np.arange(N) % 3 != group)
            value = defined(rows, gain.tokens, chosen, kept)
            left.append(value - (defined(rows, gain.tokens, other, kept) if other else 0.0))
        expected = np.sqrt(2 / 3 * np.square(np.array(left) - np.mean(left)).sum())
        assert model.gain_error(chosen, other) == pytest.approx(expected, rel=1e-6)
    assert replace(model, groups=np.zeros(N, dtype=np.int64)).gain_error([0]) is None


def test_whole_layers_gain_what_the_layers_model_says_and_more_responses(
    measured: LayerCard,
) -> None:
    """The modules' blocks hold the layers' directions and more, of the same kernels."""
    model = measured.module_model
    assert model is not None
    assert model.modules == len(measured.modules)
    for layers in ((0,), (1, 3), (0, 1, 2, 3)):
        own = [at for at, module in enumerate(measured.modules) if module.layer in layers]
        gain = measured.predictor("tangent").quadratic.gain(layers)
        assert gain * (1 - 1e-4) <= model.gain(own) <= 1.15 * gain


def test_a_card_keeps_it(measured: LayerCard, tmp_path: Path) -> None:
    path = measured.save(tmp_path / "card.json")
    again = LayerCard.load(path).module_model
    assert again is not None
    assert measured.module_model is not None
    assert again.gain([0, 5]) == measured.module_model.gain([0, 5])
    assert again.gain_error([0, 5]) == measured.module_model.gain_error([0, 5])
    (tmp_path / FILE).unlink()
    assert LayerCard.load(path).module_model is None


def test_what_is_not_its_file_is_refused(measured: LayerCard, tmp_path: Path) -> None:
    path, file = measured.save(tmp_path / "card.json"), tmp_path / FILE
    content = file.read_bytes()
    other = model_of(random_gain()[0])
    file.write_bytes(other.to_bytes())
    with pytest.raises(InputError, match="belongs to another card"):
        LayerCard.load(path)
    file.write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match="cannot read a card's modules"):
        LayerCard.load(path)
    for name, value, message in (
        ("images", np.array([object()]), "cannot read a card's modules"),
        ("images", np.ones(4), "an array of shape"),
        ("images", np.full_like(other.coordinates.images, np.nan), "must be finite"),
        ("sizes", np.array([1, 2]), "do not fit"),
        ("tokens", -other.coordinates.tokens, "must be positive"),
        ("groups", np.array([1]), "do not fit"),
    ):
        with np.load(io.BytesIO(other.to_bytes())) as stored:
            arrays = dict(stored) | {name: value}
        np.savez(file, **arrays)
        with pytest.raises(InputError, match=message):
            ModuleModel.load(file, other.digest)
