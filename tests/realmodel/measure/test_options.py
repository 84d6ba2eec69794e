"""Options hold numbers of the right kind, whoever makes them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from realmodel.measure.gauss_newton import CurvatureOptions, LanczosOptions
from realmodel.measure.pass_options import PassOptions
from realmodel.model.lora_protocol import FinetuneOptions
from realmodel.model.window import Window
from theory import InputError

OF_ONE_FIELD: list[tuple[Callable[..., Any], str, tuple[object, ...]]] = [
    (PassOptions, "batch_size", (0, None, "8", 2.5, float("nan"), True)),
    (PassOptions, "draws", (-1, 0.5, "1")),
    (PassOptions, "offload", ("gpu", ["cpu"])),
    (Window, "max_length", (1, 3.5, "512", False)),
    (Window, "too_long", ("x", None)),
    (CurvatureOptions, "directions", (0, 1.0)),
    (CurvatureOptions, "damping", (-1.0, "0.1", None, float("nan"))),
    (LanczosOptions, "products", (None, 1.5)),
    (LanczosOptions, "damping", ("a", 0, float("inf"))),
    (FinetuneOptions, "learning_rate", ("0.001", None, True)),
]


@pytest.mark.parametrize(
    ("made", "name", "value"),
    [(made, name, value) for made, name, values in OF_ONE_FIELD for value in values],
)
def test_a_value_of_the_wrong_kind_is_named(
    made: Callable[..., Any], name: str, value: object
) -> None:
    with pytest.raises(InputError, match=name.replace("_", ".")):
        made(**{name: value})


def test_numbers_of_numpy_become_pythons() -> None:
    options = PassOptions(batch_size=np.int64(4), draws=np.int32(2))
    assert (type(options.batch_size), type(options.draws)) == (int, int)
    assert type(Window(max_length=np.int64(64)).max_length) is int
