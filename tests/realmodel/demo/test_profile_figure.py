import struct
from types import SimpleNamespace
from typing import Any

import pytest

from realmodel.demo.profile_figure import Row, layer_profile, png_bytes


def card(**changed: Any) -> Any:
    layers = [
        SimpleNamespace(
            layer=layer,
            measures=SimpleNamespace(
                **{"budget_gain": 0.3 * layer, "budget_gain_error": 0.02}
                | (changed if layer == 1 else {})
            ),
        )
        for layer in range(4)
    ]
    return SimpleNamespace(indices=(0, 1, 2, 3), layers=layers)


def heights(axis: Any) -> dict[int, float]:
    """Marks of one panel, read back from the drawn lines."""
    marks = [line for line in axis.get_lines() if line.get_marker() == "o"]
    return {int(line.get_xdata()[0]): float(line.get_ydata()[0]) for line in marks}


def test_each_panel_draws_its_card() -> None:
    figure = layer_profile([Row("one", card(), (0, 2)), Row("two", card(), (1,))])
    axes: list[Any] = figure.get_axes()
    assert len(axes) == 2
    for axis in axes:
        assert heights(axis) == pytest.approx({layer: 0.3 * layer for layer in range(4)})
    filled = [
        int(line.get_xdata()[0])
        for line in axes[0].get_lines()
        if line.get_marker() == "o" and line.get_markerfacecolor() != "white"
    ]
    assert filled == [0, 2]
    assert axes[0].get_title() == "one: best together 0, 2"


def test_a_missing_gain_leaves_a_gap() -> None:
    figure = layer_profile([Row("one", card(budget_gain=None, budget_gain_error=None), ())])
    assert heights(figure.get_axes()[0]).keys() == {0, 2, 3}


def test_png() -> None:
    data = png_bytes(layer_profile([Row("one", card(), (0,))]))
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", data[16:24])
    assert width > 600
    assert height > 300
