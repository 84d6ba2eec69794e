import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulate.coupling_patterns import PATTERNS, coupling_pattern
from simulate.spectra import SPECTRA, spectrum
from theory import InputError


@given(st.sampled_from(sorted(SPECTRA)), st.integers(1, 40), st.floats(1.0, 1e6))
def test_every_spectrum_has_the_same_energy_and_the_asked_condition(name, dimension, condition):
    values = spectrum(name, dimension, condition=condition)
    assert (values > 0).all()
    assert (np.diff(values) <= 0).all()
    assert values.sum() == pytest.approx(dimension)
    asked = 1.0 if name == "flat" or dimension == 1 else condition
    assert values[0] / values[-1] == pytest.approx(asked)


@given(
    st.sampled_from(sorted(PATTERNS)),
    st.integers(1, 64),
    st.floats(0.5, 9.0),
    st.sampled_from([1, -1]),
)
def test_every_pattern_is_symmetric_hollow_and_of_norm_one(name, layers, reach, sign):
    pattern = coupling_pattern(name, layers, reach=reach, sign=sign)
    assert (pattern == pattern.T).all()
    assert (np.diag(pattern) == 0).all()
    norm = np.linalg.norm(pattern, 2)
    empty = name == "independent" or layers == 1
    assert norm == pytest.approx(0.0 if empty else 1.0, abs=1e-12)
    expected = -sign if name == "synergistic" else sign
    assert (expected * pattern >= 0).all()


def test_redundant_and_synergistic_are_opposite():
    np.testing.assert_allclose(
        coupling_pattern("redundant", 6), -coupling_pattern("synergistic", 6), rtol=1e-12
    )


def test_banded_coupling_ends_and_exponential_coupling_falls_by_a_constant_factor():
    banded = coupling_pattern("banded", 8, reach=2.0)[0]
    assert (banded[1:3] > 0).all()
    assert (banded[3:] == 0).all()
    exponential = coupling_pattern("exponential", 8, reach=2.0)[0]
    np.testing.assert_allclose(exponential[2:] / exponential[1:-1], np.exp(-0.5))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: spectrum("round", 3), "spectrum 'round' is unknown"),
        (lambda: spectrum("flat", 0), "dimension is 0"),
        (lambda: spectrum("power", 3, condition=0.5), "condition is 0.5"),
        (lambda: spectrum("power", 3, condition=float("inf")), "condition is inf"),
        (lambda: coupling_pattern("loose", 3), "coupling 'loose' is unknown"),
        (lambda: coupling_pattern("banded", 0), "layers is 0"),
        (lambda: coupling_pattern("banded", 3, reach=0.0), "reach is 0.0"),
        (lambda: coupling_pattern("banded", 3, sign=2), "sign is 2"),
    ],
)
def test_bad_input_is_quoted(call, message):
    with pytest.raises(InputError, match=message):
        call()
