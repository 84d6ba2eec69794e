"""What users pass in place of integers and arrays: taken where it is clear, refused where not.

In a process of its own: the checker of annotations in tests would refuse these calls first.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SETUP = """
import json
import numpy as np
from theory import *
H = np.array([[1.0, 0.5, 0.0], [0.5, 1.0, 0.2], [0.0, 0.2, 1.0]])
q = BlockQuadratic([1.0, 2.0, 3.0], H.tolist(), [1, 1, 1])
twin = BlockQuadratic([1.0, 1.0], np.ones((2, 2)), (1, 1))
half = lambda t: 0.5
"""
REFUSED = {
    "q.gain([True, False, True])": "layers must be whole numbers, not [True, False, True]",
    "q.gain(np.array([True, True, False]))": "layers must be whole numbers",
    "q.gain([0.0, 1.0])": "layers must be whole numbers, not [0.0, 1.0]",
    "q.gain(np.array([1.7]))": "layers must be whole numbers",
    "q.gain(['1'])": "layers must be whole numbers, not ['1']",
    "q.gain(1)": "layers must be a sequence of whole numbers, not 1",
    "compensation(q, [1.5])": "layers must be whole numbers, not [1.5]",
    "marginal_gain(q, [0], True)": "layers must be whole numbers, not [True]",
    "marginal_gain(q, [0.0], 1)": "layers must be whole numbers, not [0.0]",
    "marginal_gain(q, np.array([0, 1]), 1)": "layer 1 is in (0, 1) already",
    "marginal_gain(q, [0, 0], 1)": "name a layer twice",
    "marginal_gain(q, [0], 7)": "out of range",
    "BlockQuadratic([1.0], [[1.0]], (1.0,))": "sizes must be whole numbers, not [1.0]",
    "BlockQuadratic([1.0, 1.0], np.eye(2), 2)": "sizes must be a sequence of whole numbers, not 2",
    "BlockQuadratic(['a'], [[1.0]], (1,))": "gradient must be an array of numbers",
    "CostModel.count(3).of([5])": "have no cost: name at least one of 3",
    "CostModel.count(3).of([])": "have no cost",
    "CostModel.count(3).of([True])": "layers must be whole numbers",
    "coupling_bound(half, 1.5, 4)": "gap must be a whole number of at least 1, not 1.5",
    "coupling_bound(half, True, 4)": "gap must be a whole number",
    "coupling_bound(half, 1, 4.0)": "layers must be a whole number of at least 1, not 4.0",
    "gain_interval(lambda v: v, np.ones(2), 0.5, 2.0)": "iterations must be a whole number",
    "isotropic_gain(np.ones(3))": "must be square and not empty, got shape (3,)",
    "isotropic_gain(np.ones((2, 3)))": "got shape (2, 3)",
    "isotropic_gain([[0.0, np.nan], [np.nan, 0.0]])": "NaN or inf",
    "isotropic_gain([[0.0, 0.5], [0.0, 0.0]])": "not symmetric",
    "isotropic_gain([[0.0, 1.0], [1.0, 0.0]])": "is not above 0",
    "isotropic_gain([[0.0, -1.5], [-1.5, 0.0]])": "1 + mu_min = -0.5 is not above 0",
    "rank_allocation([[2.0, 1.0]], float('nan'))": "budget nan admits no rank",
    "rank_allocation([2.0, 1.0], 1)": "singular values of layer 0 have shape ()",
    "q.norm([1.0])": "theta has length 1, not 3",
    "function_additivity(q, [1.0, np.nan, 0.0])": "theta holds nan",
}
TAKEN = {
    "q.gain(np.array([0, 2])) == q.gain([0, 2]) == q.gain((np.int64(2), 0))": True,
    "q.gain(range(3)) == q.gain()": True,
    "marginal_gain(q, np.array([0]), np.int64(1)) == marginal_gain(q, [0], 1)": True,
    "marginal_gain(twin, [0], 1)": 0.0,
    "rank_allocation([[3.0, 1.0], (2.0, 0.0)], float('inf')).ranks": [2, 1],
    "rank_allocation([[3.0, 1.0], [2.0]], float('inf'), [1.0, 2.0]).ranks": [2, 1],
    "function_additivity(q, [1.0, 1.0, 0.0]).nonadditivity": 0.5,
    "q.norm([3.0, 0.0, 4.0])": 5.0,
    "remainder(q, [0.0, 0.0, 0.0], 0.0).length": 0.0,
    "float(projected_gain([[1.0], [0.0]], [3.0, 4.0]))": 4.5,
    "cross_fitted_norm([[[1.0]]] * 3, [1, 1, 1], [[4.0]]).squared_norm": 0.25,
    "projected_residual_norm([[2.0]], [[4.0]])": 1.0,
    "float(block_gershgorin([[0.0, 0.5], [0.5, 0.0]]))": 0.5,
}


@pytest.fixture(scope="module")
def outcomes() -> dict[str, object]:
    script = f"""{SETUP}
outcomes = {{}}
for call in {[*REFUSED, *TAKEN]!r}:
    try:
        outcomes[call] = eval(call)
    except InputError as error:
        outcomes[call] = str(error)
    except Exception as error:
        outcomes[call] = "TRACEBACK " + repr(error)
print(json.dumps(outcomes))
"""
    run = [sys.executable, "-W", "error", "-c", script]
    done = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("call", REFUSED)
def test_refused_in_one_sentence(outcomes: dict[str, object], call: str) -> None:
    assert REFUSED[call] in str(outcomes[call])
    assert "TRACEBACK" not in str(outcomes[call])


@pytest.mark.parametrize("call", TAKEN)
def test_taken(outcomes: dict[str, object], call: str) -> None:
    assert outcomes[call] == pytest.approx(TAKEN[call], rel=1e-12)
