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
                **{
                    "residual_norm": 1.0 + layer,
                    "gradient_norm": 0.1,
                    "activation_energy": 5.0,
                    "gain": 0.2 * layer,
                    "gain_error": 0.01,
                    "budget_gain": 0.3 * layer,
                    "budget_gain_error": 0.02,
                }
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


def test_each_panel_draws_its_measure() -> None:
    figure = layer_profile([Row("one", card(), (0, 2)), Row("two", card(), (1,))])
    axes: list[Any] = figure.get_axes()
    assert len(axes) == 10
    assert heights(axes[0]) == {layer: 1.0 + layer for layer in range(4)}
    assert heights(axes[8]) == pytest.approx({layer: 0.2 * layer for layer in range(4)})
    assert heights(axes[9]) == pytest.approx({layer: 0.3 * layer for layer in range(4)})
    filled = [
        int(line.get_xdata()[0])
        for line in axes[0].get_lines()
        if line.get_marker() == "o" and line.get_markerfacecolor() != "white"
    ]
    assert filled == [0, 2]


def test_a_missing_measure_leaves_a_gap() -> None:
    figure = layer_profile([Row("one", card(gain=None, gain_error=None), ())])
    assert heights(figure.get_axes()[3]).keys() == {0, 2, 3}


def test_png() -> None:
    data = png_bytes(layer_profile([Row("one", card(), (0,))]))
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", data[16:24])
    assert width > 1000
    assert height > 300
