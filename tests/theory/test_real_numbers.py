"""Numbers, and what only looks like one."""

from math import inf, nan
from typing import Any

import numpy as np
import pytest

from theory import InputError
from theory.real_numbers import finite_nonnegative, real_number


@pytest.mark.parametrize("value", [2, 0.5, -1.0, np.float32(0.5), np.int64(3), inf])
def test_numbers_of_every_kind_become_pythons(value: Any) -> None:
    found = real_number(value, "damping")
    assert type(found) is float
    assert found == value


@pytest.mark.parametrize("value", ["0.5", True, np.True_, None, [1.0], 1j])
def test_what_is_no_number_is_quoted(value: Any) -> None:
    with pytest.raises(InputError, match="damping must be a number, not"):
        real_number(value, "damping")


@pytest.mark.parametrize("sign", [1, -1])
def test_an_integer_beyond_every_float_is_refused(sign: int) -> None:
    with pytest.raises(InputError, match="at most 1e308 in size"):
        real_number(sign * 10**6000, "damping")


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (-0.1, "must not be negative, got -0.1"),
        (-inf, "must not be negative, got -inf"),
        (inf, "must be finite, got inf"),
        (nan, "must be finite, got nan"),
    ],
)
def test_a_finite_number_of_at_least_zero(value: float, told: str) -> None:
    assert finite_nonnegative(0, "ridge") == 0
    with pytest.raises(InputError, match=told):
        finite_nonnegative(value, "ridge")
