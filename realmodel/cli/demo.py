"""``layercard demo``: the main job on the embedded checkpoints, without network or data."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Group
from rich.table import Table
from rich.text import Text

from realmodel.cli.claim import claim
from realmodel.runs.console import AsJson, OutputDir, Seed, emit, progress, say
from theory import InputError

if TYPE_CHECKING:
    from realmodel.card import LayerCard
    from realmodel.placement import Choice

TITLES = {"gpt2": "GPT-2", "qwen3": "Qwen3"}
NumSamples = Annotated[int, typer.Option(min=4, help="Records of the demo task to measure on.")]
Layers = Annotated[int, typer.Option(min=1, help="How many layers to choose.")]


def demo(
    output_dir: OutputDir = Path("out/demo"),
    num_samples: NumSamples = 256,
    layers: Layers = 4,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Card, bounds and best layers of the two embedded miniature checkpoints."""
    from realmodel import report
    from realmodel.demo import CHECKPOINTS
    from realmodel.demo.embedded import LAYERS
    from realmodel.demo.measure import PROTOCOL, measure_all
    from realmodel.demo.profile_figure import Row, layer_profile, png_bytes
    from realmodel.demo.task_file import write_task
    from realmodel.placement import place
    from theory.whole_file import write_json, write_whole

    if layers > LAYERS:
        raise InputError(f"--layers {layers}: the embedded checkpoints have {LAYERS} layers")
    folder = output_dir or Path("out/demo")
    claim(folder)
    task = write_task(folder / "task.jsonl", num_samples, seed)
    say(f"planned run: {PROTOCOL.title} (falling linearly to zero)")
    choices: dict[str, Choice] = {}
    with progress() as bar:
        lines = {name: bar.add_task(TITLES[name], total=None) for name in CHECKPOINTS}

        def tell(name: str, stage: str, done: int, total: int) -> None:
            text = f"{TITLES[name]}: {stage}"
            bar.update(lines[name], description=text, completed=done, total=total)

        cards = measure_all(CHECKPOINTS, num_samples, seed, str(task), tell)
    for name, card in cards.items():
        choices[name] = place(card, objective="gain", budget=str(layers))
        report.write_card(card, folder / name)
    rows = [Row(TITLES[name], cards[name], choices[name].best.layers) for name in CHECKPOINTS]
    picture = write_whole(folder / "layer_profile.png", png_bytes(layer_profile(rows)))
    record: dict[str, dict[str, Any]] = {
        name: {
            "card": str(folder / name / "card.json"),
            "loss": cards[name].data["loss"],
            "rho": cards[name].coupling.rho,
            "additivity": cards[name].additivity,
            "placements": placements(cards[name], choices[name], layers),
        }
        for name in CHECKPOINTS
    }
    write_json(folder / "demo.json", record)
    shown = [
        part
        for name in CHECKPOINTS
        for part in (
            report.table(cards[name]),
            chosen(record[name]["placements"], layers),
            report.verdict_text(report.verdict(cards[name], choices[name])),
            Text(),
        )
    ]
    emit(record, Group(*shown), as_json=as_json)
    pages = " and ".join(str(folder / name / "card.html") for name in CHECKPOINTS)
    say(f"open {pages}; card.json and card.md lie beside them, the picture is {picture}")
    first = shlex.quote(str(folder / next(iter(CHECKPOINTS)) / "card.json"))
    say(f"next: layercard place {first} --budget {layers} --output-dir out/place")


def placements(card: "LayerCard", choice: "Choice", size: int) -> dict[str, Any]:
    """The layers that each rule chooses, with their joint gain in the model that chooses."""
    from theory.choice.greedy import greedy
    from theory.choice.top_k import top_k

    found: dict[str, Any] = {
        "exact search": {"layers": list(choice.best.layers), "gain": choice.best.gain}
    }
    for title, rule in (("greedy", greedy), ("top by single gain", top_k)):
        picked = rule(card.predictor().quadratic, size)
        blocks = [card.indices[position] for position in picked.layers]
        found[title] = {"layers": blocks, "gain": picked.gain}
    return found


def chosen(found: dict[str, Any], size: int) -> Table:
    """The choices as a table."""
    rows = Table(f"{size} layers by", "layers", "joint gain, nats per token", box=None)
    for title, pick in found.items():
        rows.add_row(title, ", ".join(map(str, pick["layers"])), f"{pick['gain']:.4f}")
    return rows
