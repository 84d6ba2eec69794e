"""A sweep of the simulator as a step: the tidy table of one of its experiments."""

from paper_figures.preset import Preset
from paper_figures.step import Data, Step


def experiment(name: str, preset: Preset) -> Step:
    """Table of the simulator's experiment ``name`` with the preset's seed and number of worlds."""
    options = {"name": name, "seed": preset.seed, "repeats": preset.repeats}
    return Step(f"simulate-{name}", run, options)


def run(name: str, seed: int, repeats: float) -> Data:
    """Run the experiment on two processes; the table does not depend on how many."""
    from simulate.experiments import EXPERIMENTS

    chosen = EXPERIMENTS[name]
    worlds = max(2, round(repeats * chosen.worlds))
    return chosen(seed=seed, worlds=worlds, workers=2).record()
