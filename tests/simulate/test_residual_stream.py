import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulate import residual_stream
from theory import InputError, additivity


def stream(seed=0, **options):
    return residual_stream(np.random.default_rng(seed), **{"layers": 5, "width": 6, **options})


def forward(stream, theta, x):
    """The definition, one layer and one direction at a time."""
    h = x
    k = stream.directions
    for layer in range(stream.layers):
        step = stream.weights[layer] @ h
        for a in range(k):
            read = stream.receivers[layer, a] @ h
            step = step + theta[layer * k + a] * read * stream.senders[layer, a]
        h = h + step
    return stream.readout @ h


@settings(max_examples=20)
@given(st.integers(0, 1000), st.floats(0.0, 0.9), st.integers(1, 3))
def test_the_output_is_the_forward_pass(seed, aim, directions):
    made = stream(seed, aim=aim, directions=directions)
    rng = np.random.default_rng(seed)
    theta, x = rng.standard_normal(made.parameters), rng.standard_normal(6)
    np.testing.assert_allclose(made.output_map(theta) @ x, forward(made, theta, x), rtol=1e-9)


def test_the_jacobian_is_exact():
    made = stream()
    rng = np.random.default_rng(1)
    x = rng.standard_normal(6)
    zero = np.zeros(made.parameters)
    for a, e in enumerate(np.eye(made.parameters)):
        # Linear in one parameter, so that one difference of any size is exact.
        change = forward(made, e, x) - forward(made, zero, x)
        np.testing.assert_allclose(made.jacobian[a] @ x, change, rtol=1e-9, atol=1e-12)


def test_the_second_order_term_is_exact():
    made = stream()
    zero = np.zeros(made.parameters)
    F = made.output_map
    for a, b in [(0, 1), (0, 2), (1, 7), (4, 9), (3, 3)]:
        ea, eb = np.eye(made.parameters)[[a, b]]
        if a == b:
            mixed = F(ea) + F(-ea) - 2 * F(zero)
            expected = 2 * made.second_order(ea)
        else:
            # Multilinear over layers and bilinear in two parameters: exact at any step.
            mixed = F(ea + eb) - F(ea) - F(eb) + F(zero)
            expected = made.second_order(ea + eb)
        np.testing.assert_allclose(mixed, expected, rtol=1e-9, atol=1e-12)


def test_interaction_is_second_order_with_a_third_order_remainder():
    made = stream(layers=6)
    theta = np.random.default_rng(2).standard_normal(made.parameters)
    steps = np.array([0.1, 0.05, 0.025])
    interaction = [made.norm(made.interaction(t * theta)) for t in steps]
    beyond = [made.norm(made.interaction(t * theta) - made.second_order(t * theta)) for t in steps]
    assert np.diff(np.log(interaction)) / np.diff(np.log(steps)) == pytest.approx(2.0, abs=0.15)
    assert np.diff(np.log(beyond)) / np.diff(np.log(steps)) == pytest.approx(3.0, abs=0.15)


def test_with_two_layers_nothing_lies_beyond_second_order():
    made = stream(layers=2)
    theta = np.random.default_rng(3).standard_normal(made.parameters)
    np.testing.assert_allclose(made.interaction(theta), made.second_order(theta), rtol=1e-8)


def test_a_single_layer_does_not_interact_with_itself():
    made = stream(directions=3)
    theta = np.zeros(made.parameters)
    theta[3:6] = 1.7
    np.testing.assert_allclose(made.interaction(theta), 0.0, atol=1e-12)


@settings(max_examples=20)
@given(st.integers(0, 1000), st.floats(0.0, 0.9))
def test_loss_slope_and_curvature_agree_with_differences(seed, aim):
    made = stream(seed, aim=aim)
    rng = np.random.default_rng(seed)
    theta, v = rng.standard_normal((2, made.parameters)) / 3
    step = 1e-5
    difference = (made.value(theta + step * v) - made.value(theta - step * v)) / (2 * step)
    assert made.slope(theta) @ v == pytest.approx(difference, rel=1e-5, abs=1e-8)
    bend = (made.slope(step * v) - made.slope(-step * v)) / (2 * step)
    np.testing.assert_allclose(made.curvature @ v, bend, rtol=1e-5, atol=1e-7)


def test_the_loss_is_the_expected_squared_error():
    made = stream()
    rng = np.random.default_rng(4)
    theta = rng.standard_normal(made.parameters) / 4
    x = rng.standard_normal((40_000, 6))
    error = x @ (made.target - made.output_map(theta)).T
    start = x @ (made.target - made.output_map(np.zeros_like(theta))).T
    changes = (np.sum(error**2, axis=1) - np.sum(start**2, axis=1)) / 2
    z = (changes.mean() - made.value(theta)) / (changes.std() / np.sqrt(len(x)))
    assert abs(z) < 4


def test_gauss_newton_is_the_loss_of_the_linearised_output():
    made = stream()
    theta = np.random.default_rng(5).standard_normal(made.parameters)
    linear = made.output_map(np.zeros(made.parameters)) + np.einsum(
        "p,pmw->mw", theta, made.jacobian
    )
    start = made.norm(made.target - made.output_map(np.zeros(made.parameters)))
    change = (made.norm(made.target - linear) ** 2 - start**2) / 2
    assert made.gauss_newton.value(theta) == pytest.approx(change)


def test_the_exact_curvature_shares_its_diagonal_blocks_with_gauss_newton():
    made = stream(directions=3)
    for block in made.gauss_newton.slices:
        np.testing.assert_allclose(
            made.curvature[block, block], made.gauss_newton.curvature[block, block]
        )


def test_aimed_directions_make_coupling_that_grows_with_depth():
    def coupling(layers, aim):
        draws = [stream(seed, layers=layers, width=16, aim=aim) for seed in range(3)]
        return np.mean([draw.gauss_newton.coupling for draw in draws])

    assert coupling(4, 0.8) < 0.5 * coupling(16, 0.8)
    assert coupling(16, 0.0) < 0.5 * coupling(16, 0.8)


def test_coupled_layers_gain_less_than_their_sum():
    record = additivity(stream(layers=8, width=16, aim=0.8).gauss_newton)
    assert record.gain < 0.6 * record.sum_of_gains
    assert record.coupling > 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layers": 0}, "layers 0, width 6"),
        ({"directions": 7}, "directions 7"),
        ({"aim": 1.0}, "aim is 1.0"),
        ({"scale": float("nan")}, "scale nan"),
        ({"target_scale": -1.0}, "target_scale -1.0"),
    ],
)
def test_bad_streams_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        stream(**options)


def test_shapes_must_agree():
    # In a process of its own: here the annotations would refuse them first.
    code = """
import numpy as np
from simulate import ResidualStream, Sample
from theory import InputError
one = np.ones((2, 1, 1))
for make in (
    lambda: ResidualStream(one, one, np.ones((2, 2, 1)), *3 * [np.eye(1)]),
    lambda: Sample(np.ones((3, 2)), np.ones((2, 1)), (1, 1)),
):
    try:
        make()
    except InputError as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    first, second = done.stdout.splitlines()
    assert "do not fit together" in first
    assert "do not belong together" in second
