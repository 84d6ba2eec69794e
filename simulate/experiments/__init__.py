"""The experiments, one file each: a module that defines ``EXPERIMENT`` is found by itself."""

import pkgutil
from collections.abc import Mapping
from importlib import import_module

from simulate.experiment import Experiment
from theory import InputError


def _discover() -> dict[str, Experiment]:
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    found = [import_module(f"{__name__}.{name}").EXPERIMENT for name in names]
    return {experiment.name: experiment for experiment in found}


EXPERIMENTS: Mapping[str, Experiment] = _discover()


def experiment(name: str) -> Experiment:
    """Look up an experiment.

    Raises
    ------
    InputError
        For an unknown name; the message lists those there are.
    """
    if name not in EXPERIMENTS:
        raise InputError(f"experiment {name!r} is unknown: choose one of {', '.join(EXPERIMENTS)}")
    return EXPERIMENTS[name]
