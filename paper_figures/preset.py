"""How much to compute and on what: the embedded default, local checkpoints, the paper's size."""

from dataclasses import dataclass, replace
from pathlib import Path

from theory import InputError

EMBEDDED = "embedded:"
"""Prefix of the sources inside the repository: checkpoints and generated tasks."""


@dataclass(frozen=True)
class Preset:
    """Models, tasks and sample sizes.

    Parameters
    ----------
    name : str
        demo, mini or paper.
    models : tuple of str
        Checkpoints: hub ids, local folders, or ``embedded:NAME``.
    data : tuple of str
        Task files, or ``embedded:NAME``.
    repeats : float
        Simulated worlds at each setting, as a multiple of what each experiment has by default.
    num_samples : int
        Examples of each task that the statistics are taken over.
    directions : int
        Gauss-Newton directions per module.
    curvature_samples : int
        Sequences that the Gauss-Newton curvature is measured on: the slow part of a card.
    steps, finetune_seeds : int
        Optimiser steps of a fine-tuning run, and runs for each placement.
    placements : int
        Random and structured placements that a comparison fine-tunes, besides single layers.
    comparisons : int
        Pairs of model and task that are compared.
    device, dtype : str
        Where and in what precision the models run.
    seed : int
        Seed of every draw.
    cards, compared : tuple of str
        ``card.json`` and ``comparison.json`` files that stand in place of measuring.
    """

    name: str
    models: tuple[str, ...]
    data: tuple[str, ...]
    repeats: float
    num_samples: int
    directions: int
    curvature_samples: int
    steps: int
    finetune_seeds: int
    placements: int
    comparisons: int
    device: str = "cpu"
    dtype: str | None = None
    seed: int = 0
    cards: tuple[str, ...] = ()
    compared: tuple[str, ...] = ()

    def with_sources(self, models: tuple[str, ...], data: tuple[str, ...], seed: int) -> "Preset":
        """The same preset with another seed, and other checkpoints and files if any are given.

        Raises
        ------
        InputError
            If two sources would have the same label in a figure.
        """
        for sources in (models, data):
            labels = [label(source) for source in sources]
            if twice := {name for name in labels if labels.count(name) > 1}:
                raise InputError(
                    f"two of {', '.join(sources)} would both be called {min(twice)!r}: put one "
                    "in a folder of another name"
                )
        return replace(self, models=models or self.models, data=data or self.data, seed=seed)


def label(source: str) -> str:
    """Short name of a checkpoint or a data file.

    Examples
    --------
    >>> label("Qwen/Qwen3-8B"), label("embedded:gpt2"), label("/data/webnlg/dev.json.gz")
    ('Qwen3-8B', 'gpt2', 'webnlg')
    """
    if source.startswith(EMBEDDED):
        return source.removeprefix(EMBEDDED)
    path = Path(source.rstrip("/"))
    return path.parent.name if path.suffixes and path.parent.name else path.name


def preset(name: str) -> Preset:
    """The preset called ``name``.

    Raises
    ------
    InputError
        If there is none.

    Examples
    --------
    >>> preset("demo").models
    ('embedded:gpt2', 'embedded:qwen3')
    """
    if name not in PRESETS:
        raise InputError(f"unknown preset {name!r}; choose from {', '.join(PRESETS)}")
    return PRESETS[name]


_SHARED = Path("../shared")
_NLG = (
    str(_SHARED / "data/dart/dart-v1.1.1-full-dev.json.gz"),
    str(_SHARED / "data/e2e/valid.txt.gz"),
    str(_SHARED / "data/webnlg/dev.json.gz"),
)

PRESETS = {
    "demo": Preset(
        name="demo",
        models=("embedded:gpt2", "embedded:qwen3"),
        data=("embedded:weather", "embedded:harbour", "embedded:train"),
        repeats=0.5,
        num_samples=32,
        directions=1,
        curvature_samples=32,
        steps=12,
        finetune_seeds=2,
        placements=12,
        comparisons=1,
    ),
    "mini": Preset(
        name="mini",
        models=(str(_SHARED / "models/gpt2-mini"), str(_SHARED / "models/qwen3-mini")),
        data=_NLG,
        repeats=1.0,
        num_samples=192,
        directions=2,
        curvature_samples=32,
        steps=30,
        finetune_seeds=2,
        placements=16,
        comparisons=2,
    ),
    "paper": Preset(
        name="paper",
        models=(
            "openai-community/gpt2-medium",
            "openai-community/gpt2-large",
            "Qwen/Qwen3-8B",
            "meta-llama/Llama-3.1-8B",
        ),
        data=_NLG,
        repeats=30.0,
        num_samples=2048,
        directions=4,
        curvature_samples=64,
        steps=500,
        finetune_seeds=3,
        placements=30,
        comparisons=6,
        device="cuda",
        dtype="bfloat16",
    ),
}
