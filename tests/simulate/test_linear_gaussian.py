import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulate import LinearGaussianWorld, Moments, linear_gaussian_world, read_measured
from simulate.targets import TARGETS
from theory import BlockQuadratic, InputError


def world(seed=0, **options):
    return linear_gaussian_world(np.random.default_rng(seed), **options)


@settings(max_examples=20)
@given(
    st.integers(0, 2**32),
    st.integers(2, 64),
    st.integers(1, 3),
    st.integers(1, 3),
    st.floats(0.01, 0.95),
    st.sampled_from(["redundant", "synergistic", "banded", "exponential"]),
    st.sampled_from(["flat", "power", "spiked", "step"]),
)
def test_the_coupling_is_exactly_the_strength_asked_for(
    seed, layers, dimension, outputs, strength, coupling, spectrum
):
    made = world(
        seed,
        layers=layers,
        dimension=dimension,
        outputs=min(outputs, 64 // layers + 1),
        strength=strength,
        coupling=coupling,
        spectrum_name=spectrum,
    )
    assert made.quadratic.coupling == pytest.approx(strength, rel=1e-9)
    assert np.sum(made.quadratic.residual_norms**2) == pytest.approx(layers)


def test_the_population_quadratic_is_the_loss():
    made = world(outputs=2, layers=3)
    rng = np.random.default_rng(1)
    adapter = rng.standard_normal((2, 12))
    assert made.quadratic.value(adapter.T.ravel()) == pytest.approx(
        -made.moments.reduction(adapter)
    )
    np.testing.assert_allclose(made.quadratic.minimiser(), made.optimum.T.ravel(), rtol=1e-9)
    assert made.quadratic.gain() == pytest.approx(made.moments.reduction(made.optimum))


def test_the_gain_is_the_explained_variance():
    made = world(outputs=2, noise=0.7)
    explained = np.trace(made.optimum @ made.moments.second_moment @ made.optimum.T)
    assert made.quadratic.gain() == pytest.approx(explained / 2)


@settings(max_examples=20)
@given(st.integers(0, 1000), st.floats(0.02, 0.98))
def test_alignment_is_exact(seed, place):
    low, high = world(seed).quadratic.coupling_range
    tau = low + place * (high - low)
    quadratic = world(seed, target="aligned", alignment=tau, outputs=2).quadratic
    u, M = quadratic.whitened_gradient, quadratic.whitened_coupling
    assert u @ M @ u / (u @ u) == pytest.approx(tau, abs=1e-8)


@pytest.mark.parametrize("target", sorted(set(TARGETS) - {"aligned"}))
def test_targets(target):
    quadratic = world(target=target, strength=0.8).quadratic
    u, M = quadratic.whitened_gradient, quadratic.whitened_coupling
    tau = u @ M @ u / (u @ u)
    low, high = quadratic.coupling_range
    if target == "strongest":
        assert tau == pytest.approx(high)
    if target == "weakest":
        assert tau == pytest.approx(low)
    if target == "uniform":
        np.testing.assert_allclose(quadratic.residual_norms, 1.0)
    half = len(quadratic.residual_norms) // 2
    first, last = np.split(quadratic.residual_norms, [half])
    if target in ("early", "late"):
        assert (first.sum() > last.sum()) == (target == "early")


def test_uniform_targets_of_redundant_layers_pull_together():
    made = world(coupling="redundant", target="uniform", shared=2, strength=3.0)
    quadratic = made.quadratic
    u, M = quadratic.whitened_gradient, quadratic.whitened_coupling
    assert u @ M @ u / (u @ u) == pytest.approx(3.0)


def test_shared_directions_limit_the_rank_of_the_coupling():
    made = world(layers=2, dimension=5, shared=2)
    assert np.linalg.matrix_rank(made.quadratic.whitened_coupling) == 4


def test_a_sample_knows_its_own_quadratic():
    made = world(layers=3, dimension=2, outputs=2)
    sample = made.sample(50, np.random.default_rng(2))
    adapter = np.random.default_rng(3).standard_normal((2, 6))
    left = sample.residual - sample.features @ adapter.T
    change = (np.sum(left**2) - np.sum(sample.residual**2)) / (2 * len(sample))
    assert sample.quadratic.value(adapter.T.ravel()) == pytest.approx(change)
    fit = np.linalg.lstsq(sample.features, sample.residual, rcond=None)[0]
    np.testing.assert_allclose(sample.quadratic.minimiser(), fit.ravel(), rtol=1e-8)
    alone = sample.layer(1)
    np.testing.assert_array_equal(alone.features, sample.features[:, 2:4])
    groups = list(sample.split(7))
    assert [len(group) for group in groups] == [8, 7, 7, 7, 7, 7, 7]


def test_sampling_is_reproducible_and_uses_the_generator_it_is_given():
    made = world()
    first, again = (made.sample(5, np.random.default_rng(4)) for _ in range(2))
    np.testing.assert_array_equal(first.features, again.features)
    other = made.sample(5, np.random.default_rng(5))
    assert (first.features != other.features).all()


@pytest.mark.parametrize("suffix", ["npz", "json", "layers.json"])
def test_measured_coupling_makes_a_world_of_the_same_coupling(tmp_path, suffix):
    source = world(layers=5, dimension=2, strength=0.6).quadratic
    path = tmp_path / f"card.{suffix}"
    if suffix == "npz":
        source.save(path)
    elif suffix == "json":
        path.write_text(
            json.dumps(
                {
                    "quadratic": {
                        "whitened_coupling": source.whitened_coupling.tolist(),
                        "whitened_gradient": source.whitened_gradient.tolist(),
                        "sizes": source.sizes,
                    }
                }
            )
        )
    else:
        pattern = 0.6 * np.array([[0, 1, 0], [1, 0, 0], [0, 0, 0]])
        path.write_text(json.dumps({"coupling": pattern.tolist()}))
    measured = read_measured(path)
    assert measured.strength == pytest.approx(0.6)
    made = world(coupling="measured", measured=path, strength=None)
    assert made.quadratic.coupling == pytest.approx(0.6)
    assert made.moments.layers == len(measured.sizes)
    if suffix == "layers.json":
        assert measured.alignment is None
        assert made.moments.sizes == (4, 4, 4)
    else:
        u = source.whitened_gradient
        tau = u @ source.whitened_coupling @ u / (u @ u)
        assert measured.alignment == pytest.approx(tau)
    stronger = world(coupling="measured", measured=path, strength=0.9)
    assert stronger.quadratic.coupling == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not a measured coupling: invalid JSON"),
        ("[]", "holds no coupling matrix"),
        ('{"coupling": [[0, 1], [1]]}', "holds no coupling matrix"),
        ('{"coupling": [[0, 1], [2, 0]]}', "finite symmetric"),
        ('{"coupling": [[0, 1], [1, 0]], "sizes": [3]}', "matrix of size 3"),
        ('{"coupling": [[0, NaN], [NaN, 0]]}', "holds NaN"),
        ('{"coupling": [[0]], "whitened_gradient": [1, 2]}', "whitened gradient is no list"),
    ],
)
def test_bad_measured_files(tmp_path, text, message):
    path = tmp_path / "card.json"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_measured(path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"coupling": "synergistic", "strength": 1.5}, "positive definite only below 1 "),
        ({"strength": -0.5}, "strength is -0.5"),
        ({"strength": None}, "only a measured coupling"),
        ({"outputs": 0}, "outputs is 0"),
        ({"shared": 9}, "shared is 9"),
        ({"target": "moon"}, "target 'moon' is unknown"),
        ({"target": "aligned"}, "alignment is None"),
        ({"alignment": 0.1}, "alignment is 0.1 with target 'isotropic'"),
        ({"target": "aligned", "alignment": 2.0}, "alignment is 2.0: it must lie between"),
        ({"noise": -1.0}, "noise is -1.0"),
        ({"coupling": "measured"}, "measured is None"),
        ({"coupling": "measured", "measured": "nothing.npz"}, "no file nothing.npz"),
    ],
)
def test_bad_worlds_are_refused_with_the_value(options, message):
    with pytest.raises(InputError, match=message):
        world(**options)


def test_bad_samples_are_refused():
    made = world()
    with pytest.raises(InputError, match="n is 0"):
        made.sample(0, np.random.default_rng(0))
    with pytest.raises(InputError, match="10 tokens cannot determine 48 features"):
        _ = made.sample(10, np.random.default_rng(0)).quadratic
    with pytest.raises(InputError, match="groups is 11"):
        list(made.sample(10, np.random.default_rng(0)).split(11))
    with pytest.raises(InputError, match="layers \\(0, 0\\)"):
        made.moments.features((0, 0))
    with pytest.raises(InputError, match="between 0 and 11"):
        made.moments.features((12,))
    with pytest.raises(InputError, match="sum to 3"):
        Moments(np.eye(2), np.ones((1, 2)), (3,))
    with pytest.raises(InputError, match="not positive definite"):
        LinearGaussianWorld(Moments(np.zeros((1, 1)), np.ones((1, 1)), (1,)), 1.0)


def test_the_empirical_quadratic_is_a_block_quadratic_with_the_layers_of_the_world():
    made = world(outputs=3)
    quadratic = made.sample(100, np.random.default_rng(0)).quadratic
    assert isinstance(quadratic, BlockQuadratic)
    assert quadratic.sizes == made.quadratic.sizes == (12,) * 12
