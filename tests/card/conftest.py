"""A card built by hand: twelve layers of two modules, coupled, without any model."""

import numpy as np
import pytest

from realmodel.card import DeviceCosts, LayerCard, LayerProfile, Measures, ModuleProfile, Replicates
from realmodel.card.measures import MEASURES
from theory import BlockQuadratic
from theory.cost_model import CostModel

LAYERS, DIRECTIONS = 12, 4


def make_card(seed: int = 0, layers: int = LAYERS, groups: int = 8) -> LayerCard:
    rng = np.random.default_rng(seed)
    p = layers * DIRECTIONS
    depth = np.repeat(np.arange(layers), DIRECTIONS)
    shared = rng.normal(size=(p, 6)) * np.exp(-np.abs(depth[:, None] - 6) / 6)
    curvature = shared @ shared.T + np.diag(rng.uniform(0.5, 2.0, p))
    gradient = -curvature @ (rng.normal(size=p) * np.exp(-(((depth - 6) / 5) ** 2))) * 0.1
    sizes = (DIRECTIONS,) * layers
    quadratic = BlockQuadratic(gradient, curvature, sizes)
    replicates = Replicates(
        gradient * (1 + 0.02 * rng.normal(size=(groups, p))),
        curvature * (1 + 0.02 * rng.normal(size=(groups, 1, 1))),
        sizes,
    )
    kinds = ("attn.c_attn", "mlp.c_fc")

    def measures(scale: float) -> Measures:
        values = dict(zip(MEASURES, (scale * rng.uniform(0.5, 1.5, len(MEASURES))), strict=True))
        return Measures(**values)

    modules = tuple(
        ModuleProfile(
            f"transformer.h.{i}.{kind}", i, kind, 16, 32, f"h.{i}.{kind}", True, measures(1.0)
        )
        for i in range(layers)
        for kind in kinds
    )
    profiles = tuple(
        LayerProfile(i, tuple(m.name for m in modules if m.layer == i), measures(2.0))
        for i in range(layers)
    )
    per = (1.0,) * layers
    return LayerCard(
        model={
            "source": "example/gpt2-tiny",
            "digest": "sha256:0",
            "architecture": "gpt2",
            "dtype": "float32",
            "layers": layers,
            "parameters": 123456,
        },
        data={
            "source": "examples.jsonl",
            "digest": "sha256:1",
            "examples": 64,
            "tokens": 4096,
            "completion_tokens": 1024,
            "loss": 3.2,
        },
        options={
            "seed": seed,
            "directions": 2,
            "rank": 8,
            "alpha": 16.0,
            "ridge": 1e-3,
            "batch_size": 8,
        },
        versions={"layercard": "0.1.0"},
        modules=modules,
        layers=profiles,
        quadratic=quadratic,
        costs=DeviceCosts(
            time=CostModel(tuple(0.002 for _ in per), base=0.05, per_depth=0.005),
            memory=CostModel(tuple(2e5 for _ in per), base=1e7, per_depth=1e6),
            serving=CostModel(tuple(1e-4 for _ in per)),
            parameters=CostModel(tuple(768.0 for _ in per)),
            rank=8,
            tokens=512,
            calibrated=True,
            device="cpu, 2 threads",
            residual=0.03,
        ),
        created="2026-01-01T00:00:00+00:00",
        replicates=replicates,
    )


@pytest.fixture(scope="session")
def card() -> LayerCard:
    return make_card()
