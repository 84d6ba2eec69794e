"""The alignment of kernels, and the number of independent layers that follows from it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realmodel.measure.tangent.alignment import independent_layers
from realmodel.measure.tangent.alignment import kernel_alignment as alignment_of
from realmodel.measure.tangent.gain import TangentGain
from realmodel.measure.tangent.kernel import Kernel
from theory import spaced_gain

SEQUENCES = 7


def kernel_alignment(kernels, sequences):
    return alignment_of(TangentGain(kernels, np.ones(sequences), 1.0))


def kernels(seed, *, draws=1, own=0.0):
    rng, rows = np.random.default_rng(seed), draws * SEQUENCES
    found = {}
    for layer in (3, 5, 9):
        S = rng.standard_normal((rows, 40))
        K = S @ S.T + own * np.tile(np.eye(SEQUENCES), (draws, draws))
        found[layer] = Kernel(K, np.zeros(rows), 0.0, K, np.zeros(SEQUENCES))
    return found


@pytest.mark.parametrize("draws", [1, 2])
def test_alignment_is_a_gram_matrix_blind_to_what_a_sequence_shares_with_itself(draws):
    plain = kernel_alignment(kernels(0, draws=draws), SEQUENCES)
    assert np.allclose(np.diag(plain), 1)
    assert np.allclose(plain, plain.T)
    assert np.linalg.eigvalsh(plain)[0] > -1e-12
    loaded = kernel_alignment(kernels(0, draws=draws, own=50.0), SEQUENCES)
    assert np.allclose(loaded, plain)
    if draws == 2:  # its other draws are the sequence itself: as one more sequence they count
        assert not np.allclose(kernel_alignment(kernels(0, draws=2, own=50.0), 14), plain)


def test_scale_does_not_matter_and_a_layer_without_gradient_is_like_none():
    own = kernels(1)
    K = own[5]
    scaled = own | {5: Kernel(9 * K.curvature, K.projection, 0.0, K.contributions, K.slopes)}
    assert np.allclose(kernel_alignment(scaled, SEQUENCES), kernel_alignment(own, SEQUENCES))
    none = Kernel(0 * K.curvature, K.projection, 0.0, K.contributions, K.slopes)
    assert kernel_alignment(own | {5: none}, SEQUENCES)[1].tolist() == [0.0, 1.0, 0.0]


@given(st.integers(0, 99))
def test_more_layers_are_never_fewer_independent_ones(seed):
    alignment = np.abs(kernel_alignment(kernels(seed), SEQUENCES))
    pair, three = (independent_layers(alignment, range(count)) for count in (2, 3))
    assert 1 - 1e-9 <= pair <= 2 + 1e-9
    assert pair <= three + 1e-9


def test_with_evenly_decaying_alignment_it_is_the_spreading_theorem():
    decay, layers = 0.6, (0, 3, 4, 9)
    alignment = decay ** np.abs(np.subtract.outer(np.arange(10), np.arange(10)))
    assert np.isclose(independent_layers(alignment, layers), 2 * spaced_gain(layers, decay))
    assert independent_layers(np.ones((4, 4)), range(4)) == pytest.approx(1.0)
