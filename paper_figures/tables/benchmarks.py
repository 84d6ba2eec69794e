"""What measuring costs: a card against one training pass."""

from dataclasses import asdict

from paper_figures.preset import Preset
from paper_figures.step import Data, Step
from paper_figures.table import Column

CAPTION = (
    "A whole card without its costs against one plain forward and backward pass over the same "
    "sequences, in one run, on random weights. The floor counts the operations of its pass."
)
MODELS = {
    "demo": ("gpt2-mini",),
    "mini": ("gpt2-mini", "gpt2-medium"),
    "paper": ("gpt2-medium", "gpt2-large", "qwen3-0.6b", "qwen3-8b"),
}
COLUMNS = (
    Column("model", "model"),
    Column("device", "device"),
    Column("dtype", "dtype"),
    Column("parameters", "parameters", ",d"),
    Column("tokens", "tokens"),
    Column("training_seconds", "training (s)", ".3f"),
    Column("card_seconds", "card (s)", ".3f"),
    Column("ratio", "ratio", ".2f"),
    Column("floor", "floor", ".2f"),
)


def inputs(preset: Preset) -> dict[str, Step]:
    """One measurement for each model size that the preset's device takes."""
    length = 64 if preset.name == "demo" else 256
    return {
        name: Step(f"bench-{name}", run, {"name": name, "device": preset.device, "length": length})
        for name in MODELS[preset.name]
    }


def run(name: str, device: str, length: int) -> Data:
    """Measure eight sequences in three rounds."""
    from realmodel.bench.card import time_card

    return asdict(
        time_card(name, device=device, num_samples=8, length=length, calibrate=False, rounds=3)
    )


def compute(**measured: Data) -> Data:
    """One row for each model size."""
    return {"rows": list(measured.values())}
