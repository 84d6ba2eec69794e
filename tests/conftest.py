"""Hypothesis profiles, and the skips of what a machine lacks."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

import realmodel  # noqa: F401  # fixes MKL's code path before torch can multiply

SHARED = Path(__file__).resolve().parents[2] / "shared"

# Derandomised everywhere by default, so that a red run is red again; HYPOTHESIS_PROFILE=explore
# draws anew.
settings.register_profile(
    "ci",
    derandomize=True,
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "explore", settings.get_profile("ci"), derandomize=False, max_examples=500
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if SHARED.is_dir():
        return
    skip = pytest.mark.skip(reason=f"the shared data and checkpoints are not at {SHARED}")
    for item in items:
        if "shared" in item.keywords:
            item.add_marker(skip)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data and checkpoints; tests that use it carry the marker ``shared``."""
    return SHARED
