"""The price of a layer is the sharpest that any split of the curvature proves."""

import numpy as np

from realmodel.card.certified import prices
from theory import BlockQuadratic
from theory.choice.block_split import splits
from theory.choice.relaxation import respond_to


def test_chosen_layers_take_the_largest_proof_and_others_the_least() -> None:
    rng = np.random.default_rng(3)
    factor = rng.normal(size=(6, 9))
    H = factor @ factor.T + 0.1 * np.eye(6)
    quadratic = BlockQuadratic(rng.normal(size=6), H, (1,) * 6)
    each = np.array([respond_to(split, [0, 3]).prices for split in splits(quadratic)])
    assert len(each) > 1
    assert not np.allclose(each.min(axis=0), each.max(axis=0))
    found = prices(quadratic, (0, 3))
    for layer in range(6):
        proof = max if layer in (0, 3) else min
        assert found[layer] == proof(each[:, layer])
