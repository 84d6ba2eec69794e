"""What a run is going to measure, and for how long, said before it starts."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from paper_figures.artifact import Artifact
from paper_figures.preset import Preset
from paper_figures.step import Step
from paper_figures.store import Store
from theory import InputError

KINDS = {
    "card": "card: a pass over the sequences, and the exact curvature",
    "compare": "comparison: every single layer and a pool of placements trained",
    "tuning": "fine-tuning of common placements",
    "single": "single layers trained for several lengths of run",
    "bench": "benchmark",
    "simulate": "simulated worlds",
    "verify": "verification of the theorems",
}
"""First word of a step's name, and what is done."""

SECONDS = {
    "demo": {"card": 20, "compare": 60, "tuning": 20, "single": 31, "bench": 7, "simulate": 5},
    "mini": {
        "card": 136,
        "compare": 441,
        "tuning": 134,
        "single": 31,
        "bench": 100,
        "simulate": 9,
        "verify": 48,
    },
}
"""Of one step on two idle cores of a Xeon.

Those of mini are means of the measured times that docs/figures.md lists, ``single`` was measured on
gpt2-mini. The others of demo are estimates, which add up to 277 s without ``single``: the whole
preset took 282 s before it had that step. Each record says what its step took (``seconds``).
"""


def announced(selected: Sequence[Artifact], preset: Preset, folder: Path) -> Iterator[str]:
    """A line for each kind of measurement that is not there yet, and the time of all of them.

    Parameters
    ----------
    selected : sequence of Artifact
        What is going to be built.
    preset : Preset
        On what.
    folder : Path
        Where finished steps lie.

    Yields
    ------
    str
        Nothing where nothing is measured.
    """
    store = Store(folder, seed=preset.seed, compute=False)
    missing: dict[str, Step] = {}
    for artifact in selected:
        try:
            path = folder / f"{artifact.kind}s" / f"{artifact.name}.json"
            missing |= store.missing(artifact.step(preset), path)
        except InputError:  # building it says why it cannot be built
            continue
    by_kind: dict[str, list[str]] = {}
    for name, step in missing.items():
        kind, _, rest = name.partition("-")
        if kind in KINDS and "path" not in step.options:
            by_kind.setdefault(kind, []).append(rest.removeprefix("layers-"))
    if not by_kind:
        return
    yield "measures, unless it is there already:"
    for kind, names in by_kind.items():
        yield f"  {len(names)} x {KINDS[kind]} ({', '.join(names)})"
    known = SECONDS.get(preset.name)
    if known is None or preset.models[0][:9] not in ("embedded:", "../shared"):
        yield "  for how long depends on the models: layercard card --estimate says it of a card"
        return
    seconds = sum(known.get(kind, 0) * len(names) for kind, names in by_kind.items())
    yield f"  about {max(1, round(seconds / 60))} min on two cores"
