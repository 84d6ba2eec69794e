"""``layercard place``: from a card and a budget to layers, and to a configuration that works."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from realmodel.cli.claim import claim
from realmodel.cli.layers import parse_layers
from realmodel.runs.console import AsJson, OutputDir, Seed, emit, say

if TYPE_CHECKING:
    from rich.console import RenderableType

    from realmodel.card import LayerCard
    from realmodel.placement import Choice


class Model(StrEnum):
    """What predicts the gains."""

    tangent = "tangent"
    gauss_newton = "gauss-newton"


class Objective(StrEnum):
    """What the budget limits."""

    gain = "gain"
    time = "time"
    memory = "memory"
    serving = "serving"


def place(
    card: Annotated[Path, typer.Argument(help="card.json, written by layercard card.")],
    objective: Annotated[
        Objective,
        typer.Option(help="What the budget limits: gain takes a number of layers, others a cost."),
    ] = Objective.gain,
    budget: Annotated[
        str,
        typer.Option(
            help="4 (layers), or of a cost 60% of adapting every layer or an amount: 80ms, 1.5GB."
        ),
    ] = "4",
    layers: Annotated[
        str | None, typer.Option(help="Layers to choose from, such as 0-5,8; all by default.")
    ] = None,
    rank_allocation: Annotated[
        bool,
        typer.Option("--rank-allocation", help="Move rank to where it gains most."),
    ] = False,
    predictor: Annotated[
        Model | None,
        typer.Option(
            help="Gains within the card's training steps (default), or without a limit on steps."
        ),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Where the card's checkpoint is now, if it moved.")
    ] = None,
    export: Annotated[
        str | None,
        typer.Option(
            help="Formats: json, python, axolotl, peft; comma-separated. All that can express the "
            "placement by default."
        ),
    ] = None,
    calibrate: Annotated[
        bool,
        typer.Option("--calibrate", help="Measure the costs again, on this machine."),
    ] = False,
    trust_remote_code: Annotated[
        bool, typer.Option("--trust-remote-code", help="Run code that comes with the checkpoint.")
    ] = False,
    output_dir: OutputDir = None,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Choose the layers to adapt under a budget.

    Prints the placement, the runner-up, the Pareto front, what is guaranteed and the
    peft.LoraConfig. With --output-dir it also writes the configuration, after the model has
    confirmed it, and placement.json, from which layercard finetune trains.
    """
    from realmodel.card import LayerCard
    from realmodel.placement import place as choose
    from realmodel.placement.card_model import card_model
    from realmodel.placement.export import (
        FORMATS,
        formats_for,
        lora_config_arguments,
        lora_config_code,
        write_exports,
    )

    claim(output_dir)
    measured = LayerCard.load(card)
    if calibrate:
        measured = _calibrated(measured, model, seed, trust_remote_code)
    choice = choose(
        measured,
        objective=objective.value,
        budget=budget,
        layers=None if layers is None else parse_layers(layers),
        allocate_ranks=rank_allocation,
        predictor=None if predictor is None else predictor.value,
    )
    arguments = lora_config_arguments(
        choice.best.layers,
        measured.modules,
        measured.options["rank"],
        measured.options["alpha"],
        ranks=None if choice.ranks is None else choice.ranks.ranks,
    )
    protocol = measured.protocol
    record = choice.to_dict() | {
        "protocol": None if protocol is None else protocol.planned(),
        "lora_config": arguments,
        "model": dict(measured.model),
    }
    written: tuple[Path, ...] = ()
    if output_dir is not None:
        from theory.whole_file import write_json

        skeleton = card_model(measured, model, trust_remote_code=trust_remote_code)
        if export is None:
            formats = list(formats_for(arguments))
            for name in sorted(FORMATS.keys() - formats):
                say(f"not written: {name}, which cannot express this placement")
        else:
            formats = [name.strip() for name in export.split(",") if name.strip()]
        source = model or measured.model["source"]
        written = write_exports(
            output_dir, arguments, skeleton, dict(measured.model) | {"source": source}, formats
        )
        written += (write_json(output_dir / "placement.json", record),)
    emit(record, render(measured, choice), as_json=as_json)
    if as_json:
        for warning in choice.warnings:
            say(f"warning: {warning}")
    else:
        typer.echo(lora_config_code(arguments))
    for path in written:
        say(f"wrote {path}")


def _calibrated(
    card: "LayerCard", model: str | None, seed: int, trust_remote_code: bool
) -> "LayerCard":
    from dataclasses import replace

    from realmodel.costs.calibration import calibrated_costs, random_batch
    from realmodel.model.checkpoint import load_checkpoint
    from realmodel.model.modules import AdaptedModule
    from realmodel.placement.card_model import check_digest, check_model

    checkpoint = load_checkpoint(model or card.model["source"], trust_remote_code=trust_remote_code)
    check_model(card, checkpoint.model, checkpoint.source)
    check_digest(card, checkpoint.digest, checkpoint.source)
    modules = [
        AdaptedModule(
            row.name,
            row.layer,
            row.kind,
            row.in_features,
            row.out_features,
            row.input_group,
            row.transposed,
        )
        for row in card.modules
    ]
    batch = random_batch(checkpoint.model, card.costs.tokens, seed=seed)
    costs = calibrated_costs(checkpoint.model, modules, batch, rank=card.options["rank"])
    return replace(card, costs=costs)


def render(card: "LayerCard", choice: "Choice") -> "RenderableType":
    """The choice as tables."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Group
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    from realmodel.runs.numbers import amount, number
    from realmodel.runs.printable import printable

    def row(point: Any, *, shares: bool) -> list[str]:
        error = "" if point.gain_error is None else f" ± {number(1.96 * point.gain_error)}"
        costs = [
            f"{100 * point.costs[f'{kind}_share']:.0f}%"
            if shares
            else amount(point.costs[kind], card.costs.unit(kind))
            for kind in card.costs.KINDS
        ]
        layers = ", ".join(str(layer) for layer in point.layers)
        return [layers, f"{number(point.gain)}{error}", *costs]

    chosen = Table(
        title=Text(printable(f"{card.model['source']}: largest gain within {choice.budget.text}")),
        caption="gain in nats per completion token, ± 95% sampling interval, by the "
        f"{choice.predictor_title}; time per training step, serving added to one decoded token",
        box=SIMPLE_HEAD,
        pad_edge=False,
    )
    heads = ("layers", "gain", "time", "memory", "serving", "weights")
    for head in ("", *heads):
        chosen.add_column(head)
    chosen.add_row("placement", *row(choice.best, shares=False), style="bold")
    if choice.runner_up is not None:
        chosen.add_row("runner-up", *row(choice.runner_up, shares=False))
    front = Table(
        title="Pareto front, costs as shares of adapting every layer",
        box=SIMPLE_HEAD,
        pad_edge=False,
    )
    for head in heads:
        front.add_column(head, justify="left" if head in ("layers", "gain") else "right")
    for point in choice.front:
        style = "bold" if point == choice.best else ""
        front.add_row(*row(point, shares=True), style=style)
    lines = [*choice.guarantee, *_bounds(choice)]
    if choice.margin is not None and choice.margin_error is not None:
        word = "is" if choice.margin > 1.96 * choice.margin_error else "is not"
        lines.append(
            f"the placement {word} distinguishable from the runner-up on this sample: margin "
            f"{number(choice.margin)} ± {number(1.96 * choice.margin_error)}"
        )
    if choice.ranks is not None:
        lines.append(
            f"ranks moved at {choice.ranks.parameters} parameters (uniform: "
            f"{choice.ranks.uniform_parameters}): {number(choice.ranks.gain_ratio)} times the sum "
            "of the modules' gains, without coupling"
        )
    notes = [Text(f"• {line}", style="yellow") for line in choice.warnings]
    notes += [Text(f"• {line}") for line in lines]
    return Group(chosen, front, Padding(Group(*notes), (1, 0, 0, 0)))


def _bounds(choice: "Choice") -> list[str]:
    from realmodel.runs.numbers import number

    bounds = choice.bounds
    upper, signed = bounds["upper"], bounds["signed_upper"]
    paper = (
        f"void above, for rho = {number(bounds['coupling'])} is not below 1"
        if upper is None
        else f"at most {number(upper)}"
    )
    return [
        f"joint gain of these layers {number(bounds['gain'])}, sum of their single gains "
        f"{number(bounds['sum_of_gains'])}",
        f"paper's form (reconstruction, 1b): at least {number(bounds['lower'])}, {paper}",
        f"signed form (extension, 1f): between {number(bounds['signed_lower'])} and "
        f"{'no bound' if signed is None else number(signed)}",
    ]
