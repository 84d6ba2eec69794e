"""``layercard place``: from a card and a budget to layers, and to a configuration that works."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from realmodel.cli.claim import claim
from realmodel.cli.layers import parse_layers
from realmodel.cli.protocol import Checkpointing
from realmodel.cli.unused import say_unused
from realmodel.runs.console import AsJson, OutputDir, Seed, Verbose, emit, say, stdout
from theory import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import RenderableType

    from realmodel.card import LayerCard
    from realmodel.card.predictor import PredictorName
    from realmodel.placement import Choice, FrontPoint


class Model(StrEnum):
    """What predicts the gains."""

    tangent = "tangent"
    gauss_newton = "gauss-newton"
    trials = "trials"


class Engine(StrEnum):
    """What serves the adapters."""

    hf = "hf"
    vllm = "vllm"
    vllm_targeted = "vllm-targeted"
    sglang = "sglang"
    merged = "merged"


class Unit(StrEnum):
    """What is taken or left as one."""

    layer = "layer"
    kind = "kind"
    module = "module"


class Combine(StrEnum):
    """Which of several tasks' shares is made large."""

    worst = "worst"
    mean = "mean"


class Objective(StrEnum):
    """What the budget limits."""

    gain = "gain"
    parameters = "parameters"
    time = "time"
    memory = "memory"
    serving = "serving"


def place(
    context: typer.Context,
    cards: Annotated[
        list[Path],
        typer.Argument(
            metavar="CARD...",
            help="card.json, written by layercard card; several of one model for one placement.",
        ),
    ],
    objective: Annotated[
        Objective,
        typer.Option(help="What the budget limits: gain takes a number of layers, others a cost."),
    ] = Objective.gain,
    budget: Annotated[
        str,
        typer.Option(
            help="4 (layers), or of a cost 60% of adapting every layer or an amount: 80ms, 1.5GB, "
            "1.2M (parameters)."
        ),
    ] = "4",
    unit: Annotated[
        Unit,
        typer.Option(help="What is taken or left as one: kind is q_proj of all layers, say."),
    ] = Unit.layer,
    shape: Annotated[
        str,
        typer.Option(
            help="any; suffix: the last layers (mlx-lm); contiguous: one run; prefix-free:8: none "
            "of the lowest 8, half of all by default."
        ),
    ] = "any",
    combine: Annotated[
        Combine | None,
        typer.Option(
            show_default="worst", help="Of several cards: the largest worst share, or mean share."
        ),
    ] = None,
    layers: Annotated[
        str | None, typer.Option(help="Layers to choose from, such as 0-5,8; all by default.")
    ] = None,
    rule: Annotated[
        str, typer.Option(help="How to choose: exact, greedy, top-k, or a rule that you added.")
    ] = "exact",
    rank_allocation: Annotated[
        bool,
        typer.Option("--rank-allocation", help="Move rank to where it gains most."),
    ] = False,
    predictor: Annotated[
        Model | None,
        typer.Option(
            help="Gains within the card's training steps, corrected by its trials (default where "
            "it has them) or not, or without a limit on steps."
        ),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Where the card's checkpoint is now, if it moved.")
    ] = None,
    export: Annotated[
        str | None,
        typer.Option(
            help="Formats: json, python, trl, peft, axolotl, llamafactory, unsloth, mlx-lm, vllm; "
            "comma-separated. All that can express the placement by default."
        ),
    ] = None,
    engine: Annotated[
        Engine,
        typer.Option(help="Whose serving cost: hf is measured, the others are counted."),
    ] = Engine.hf,
    calibrate: Annotated[
        bool,
        typer.Option("--calibrate", help="Measure the costs again, on this machine."),
    ] = False,
    gradient_checkpointing: Annotated[
        Checkpointing | None,
        typer.Option(
            show_default="the card's", help="What the planned run uses; with --calibrate."
        ),
    ] = None,
    packing: Annotated[
        int | None,
        typer.Option(
            min=1,
            show_default="the card's",
            help="Tokens of a row where the planned run packs its sequences; with --calibrate.",
        ),
    ] = None,
    trust_remote_code: Annotated[
        bool, typer.Option("--trust-remote-code", help="Run code that comes with the checkpoint.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Rank although the card's pilot refuses to.")
    ] = False,
    verbose: Verbose = False,
    output_dir: OutputDir = None,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Choose the layers to adapt under a budget.

    Prints the placement, the runner-up, five points of the Pareto front, the peft.LoraConfig, and
    ends with how good the placement is: certified against the best possible one in the model.
    With --output-dir it also writes the configuration, after the model has confirmed it, and
    placement.json, from which layercard finetune trains.
    """
    from realmodel import report
    from realmodel.card import LayerCard
    from realmodel.placement import place as choose
    from realmodel.placement import place_modules, place_tasks
    from realmodel.placement.export import lora_config_arguments, lora_config_code

    say_unused(
        context,
        {
            "export": None if output_dir is not None else "--output-dir",
            "model": None if output_dir is not None or calibrate else "--output-dir or --calibrate",
        },
    )
    claim(output_dir)
    read = [LayerCard.load(path) for path in cards]
    measured = read[0]
    kind = None if gradient_checkpointing is None else gradient_checkpointing.value
    whole = unit is Unit.layer and len(read) == 1
    if not whole:
        _refuse(
            "several cards" if len(read) > 1 else f"unit {unit.value}",
            {
                "--unit": len(read) > 1 and unit is not Unit.layer,
                "--shape": shape != "any",
                "--rule": rule != "exact",
                "--rank-allocation": rank_allocation,
                "--calibrate": len(read) > 1
                and (calibrate or kind is not None or packing is not None),
                "--predictor": len(read) == 1 and predictor in (Model.gauss_newton, Model.trials),
            },
        )
    if len(read) == 1 and combine is not None:
        raise InputError("combine is of several cards: name more than one")
    if calibrate:
        measured = _calibrated(measured, model, seed, kind, packing, trust_remote_code)
    elif packing not in (None, measured.costs.packing):
        own = measured.costs.packing
        raise InputError(
            f"the card's costs are of {'padded' if own is None else f'{own}-token packed'} rows, "
            f"not of packed ones of {packing} tokens: add --calibrate"
        )
    elif kind not in (None, measured.costs.gradient_checkpointing):
        raise InputError(
            f"the card's costs are of a run with gradient checkpointing "
            f"{measured.costs.gradient_checkpointing!r}, not {kind!r}: add --calibrate"
        )
    among = None if layers is None else parse_layers(layers)
    asked: PredictorName | None = None if predictor is None else predictor.value
    modules, ranks = list(measured.modules), None
    tables: RenderableType = ""
    if len(read) > 1:
        shared = place_tasks(
            read,
            objective=objective.value,
            budget=budget,
            layers=among,
            combine=Combine.worst.value if combine is None else combine.value,
            predictor=asked,
            engine=engine.value,
            force=force,
        )
        chosen, record, warnings = shared.layers, shared.to_dict(), shared.warnings
        words = report.tasks_verdict(shared)
    elif not whole:
        parts = place_modules(
            measured,
            unit=unit.value,
            objective=objective.value,
            budget=budget,
            layers=among,
            engine=engine.value,
            force=force,
        )
        chosen, record, warnings = parts.best.layers, parts.to_dict(), parts.warnings
        names = set(parts.best.modules)
        modules = [module for module in modules if module.name in names]
        words = report.module_verdict(measured, parts)
    else:
        choice = choose(
            measured,
            objective=objective.value,
            budget=budget,
            layers=among,
            allocate_ranks=rank_allocation,
            predictor=asked,
            engine=engine.value,
            rule=rule,
            force=force,
            shape=shape,
        )
        chosen, record, warnings = choice.best.layers, choice.to_dict(), choice.warnings
        ranks = None if choice.ranks is None else choice.ranks.ranks
        words = report.verdict(measured, choice)
        tables = render(measured, choice, verbose=verbose)
    arguments = lora_config_arguments(
        chosen, modules, measured.options["rank"], measured.options["alpha"], ranks=ranks
    )
    protocol = measured.protocol
    record |= {
        "protocol": None if protocol is None else protocol.planned(),
        "lora_config": arguments,
        "model": dict(measured.model),
    }
    written: tuple[Path, ...] = ()
    if output_dir is not None:
        written = _written(
            output_dir, measured, model, arguments, record, export, trust_remote_code
        )
    emit(record, tables, as_json=as_json)
    if as_json:
        for warning in warnings:
            say(f"warning: {warning}")
    else:
        typer.echo(lora_config_code(arguments))
        stdout.print(report.verdict_text(words))
        if output_dir is not None:
            following = report.training_command(measured, str(output_dir))
            typer.echo(f"\nnext:\n{following}")
    for path in written:
        say(f"wrote {path}")


def _refuse(what: str, options: "Mapping[str, bool]") -> None:
    """Refuse options that have no meaning with what was asked for.

    Raises
    ------
    InputError
        Naming the first.
    """
    found = next((option for option, given in options.items() if given), None)
    if found is not None:
        raise InputError(f"{found} has no meaning with {what}: leave it out")


def _written(
    folder: Path,
    card: "LayerCard",
    model: str | None,
    arguments: dict[str, Any],
    record: dict[str, Any],
    export: str | None,
    trust_remote_code: bool,
) -> tuple[Path, ...]:
    """The exports, after the model has confirmed them, and the record of the placement."""
    from realmodel.placement.card_model import card_model
    from realmodel.placement.export import (
        FORMATS,
        ExportedPlacement,
        formats_for,
        refusal,
        write_exports,
    )
    from theory.whole_file import write_json

    skeleton = card_model(card, model, trust_remote_code=trust_remote_code)
    placement = ExportedPlacement.of(
        arguments,
        card.modules,
        model=skeleton,
        source=str(model or card.model["source"]),
        dtype=str(card.model["dtype"]),
        run=(record["protocol"] or {}) | card.costs.packed_run,
    )
    if export is None:
        formats = list(formats_for(placement))
        for name in FORMATS:
            if name not in formats:
                say(f"not written: {name}: {refusal(name, placement)}")
    else:
        formats = [name.strip() for name in export.split(",") if name.strip()]
        if not formats:
            raise InputError(f"export {export!r} names no format: choose from {', '.join(FORMATS)}")
    written = write_exports(folder, placement, skeleton, formats)
    return (*written, write_json(folder / "placement.json", record))


def _calibrated(
    card: "LayerCard",
    model: str | None,
    seed: int,
    gradient_checkpointing: str | None,
    packing: int | None,
    trust_remote_code: bool,
) -> "LayerCard":
    from dataclasses import replace

    from realmodel.costs.calibration import calibrated_costs, random_batch
    from realmodel.costs.checkpointing import checkpointing_kind
    from realmodel.costs.packing import check_window
    from realmodel.model.checkpoint import load_checkpoint
    from realmodel.model.forward import window_of
    from realmodel.placement.card_model import check_digest, check_model

    checkpoint = load_checkpoint(model or card.model["source"], trust_remote_code=trust_remote_code)
    check_model(card, checkpoint.model, checkpoint.source)
    check_digest(card, checkpoint.digest, checkpoint.source)
    rows, length = card.costs.batch or (max(1, card.costs.tokens // 64), 64)
    if packing is None:
        packing = card.costs.packing
    else:
        check_window(packing, window_of(checkpoint.model))
        rows, length = -(-card.costs.tokens // packing), packing
    batch = random_batch(checkpoint.model, rows, length, seed=seed)
    costs = calibrated_costs(
        checkpoint.model,
        card.modules,
        batch,
        rank=card.options["rank"],
        gradient_checkpointing=checkpointing_kind(
            gradient_checkpointing or card.costs.gradient_checkpointing
        ),
        packing=packing,
    )
    return replace(card, costs=costs)


SHOWN = 5
"""Points of the front on a terminal."""


def shortened(front: "tuple[FrontPoint, ...]") -> "list[FrontPoint]":
    """At most five points of the front, its ends among them, evenly spread in gain."""
    if len(front) <= SHOWN:
        return list(front)
    low, high = front[0].gain, front[-1].gain
    wanted = [low + (high - low) * at / (SHOWN - 1) for at in range(SHOWN)]
    nearest = {min(range(len(front)), key=lambda i: abs(front[i].gain - gain)) for gain in wanted}
    return [front[at] for at in sorted(nearest)]


def render(card: "LayerCard", choice: "Choice", *, verbose: bool = False) -> "RenderableType":
    """The choice as tables; ``verbose``: then what the rules and the bounds say of it."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Group
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    from realmodel.card.warnings import is_forecast
    from realmodel.costs.serving import TITLES
    from realmodel.runs.numbers import amount, joined, number
    from realmodel.runs.printable import printable

    whole = choice.whole.gain
    forecast = is_forecast(card, choice.predictor)
    calibrated = choice.best.forecast is not None

    def gained(value: float) -> str:
        return number(value) if forecast else f"{number(100 * value / whole)}%"

    def told(point: "FrontPoint") -> str:
        if point.forecast is not None:
            found = point.forecast
            return f"{number(found.gain)} ({number(found.low)} to {number(found.high)})"
        error = "" if point.gain_error is None else f" ± {gained(1.96 * point.gain_error)}"
        return f"{gained(point.gain)}{error}"

    def row(point: "FrontPoint", *, shares: bool) -> list[str]:
        costs = [
            f"{100 * point.costs[f'{kind}_share']:.0f}%"
            if shares
            else amount(point.costs[kind], choice.costs.unit(kind))
            for kind in choice.costs.KINDS
        ]
        return [joined(point.layers), told(point), *costs]

    chosen = Table(
        title=Text(printable(f"{card.model['source']}: largest gain within {choice.budget.text}")),
        caption=(
            "gain in nats per completion token" if forecast else "gain as a share of all layers'"
        )
        + (
            ", calibrated by the card's pilot (in brackets: four cases of five), by the "
            if calibrated
            else ", ± 95% sampling interval, by the "
        )
        + f"{choice.predictor_title}; time and peak memory of a training step, "
        f"{choice.costs.step_title}; serving added to one decoded token, by "
        f"{TITLES[choice.costs.engine]}",
        title_justify="left",
        caption_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
    )
    heads = ("layers", "gain", "time", "memory", "serving", "weights")
    rivals = {"placement": choice.best}
    if choice.runner_up is not None:
        rivals["runner-up"] = choice.runner_up
    chosen.add_column("", no_wrap=True)
    for head in rivals:
        chosen.add_column(head, style="bold" if head == "placement" else "")
    columns = [row(point, shares=False) for point in rivals.values()]
    for head, *values in zip(heads, *columns, strict=True):
        chosen.add_row(head, *values)
    front = Table(
        title="Pareto front, costs as shares of all layers'"
        + (f" ({SHOWN} of {len(choice.front)} points)" if len(choice.front) > SHOWN else ""),
        title_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
    )
    for head in heads:
        front.add_column(head, justify="left" if head in ("layers", "gain") else "right")
    for point in shortened(choice.front):
        style = "bold" if point == choice.best else ""
        front.add_row(*row(point, shares=True), style=style)
    lines = [*choice.guarantee, *_bounds(choice)] if verbose else []
    if choice.ranks is not None:
        lines.append(
            f"ranks moved at {choice.ranks.parameters} parameters (uniform: "
            f"{choice.ranks.uniform_parameters}): {number(choice.ranks.gain_ratio)} times the sum "
            "of the modules' gains, without coupling"
        )
    notes = [Text(f"• {line}") for line in lines]
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
