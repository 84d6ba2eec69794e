"""``layercard place``: from a card and a budget to layers, and to a configuration that works."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from realmodel.cli.claim import claim
from realmodel.cli.layers import parse_layers
from realmodel.cli.unused import say_unused
from realmodel.runs.console import AsJson, OutputDir, Seed, Verbose, emit, say, stdout
from theory import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import RenderableType

    from realmodel.card import LayerCard
    from realmodel.costs.checkpointing import Checkpointing
    from realmodel.costs.device_costs import DeviceCosts


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
        Literal["gain", "parameters", "time", "memory", "serving"],
        typer.Option(help="What the budget limits: gain takes a number of layers, others a cost."),
    ] = "gain",
    budget: Annotated[
        str,
        typer.Option(
            help="4 (layers), or of a cost 60% of adapting every layer or an amount: 80ms, 1.5GB, "
            "1.2M (parameters)."
        ),
    ] = "4",
    unit: Annotated[
        Literal["layer", "kind", "module"],
        typer.Option(help="What is taken or left as one: kind is q_proj of all layers, say."),
    ] = "layer",
    shape: Annotated[
        str,
        typer.Option(
            help="any; suffix: the last layers (mlx-lm); contiguous: one run; prefix-free:8: none "
            "of the lowest 8, half of all by default."
        ),
    ] = "any",
    combine: Annotated[
        Literal["worst", "mean"] | None,
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
        Literal["tangent", "gauss-newton", "trials"] | None,
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
        Literal["hf", "vllm", "vllm-targeted", "sglang", "merged"],
        typer.Option(help="Whose serving cost: hf is measured, the others are counted."),
    ] = "hf",
    calibrate: Annotated[
        bool,
        typer.Option("--calibrate", help="Measure the costs again, on this machine."),
    ] = False,
    gradient_checkpointing: Annotated[
        Literal["none", "reentrant", "non-reentrant"] | None,
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
    claim(output_dir, files=("placement.json",))
    read = [LayerCard.load(path) for path in cards]
    measured = read[0]
    whole = unit == "layer" and len(read) == 1
    if not whole:
        _refuse(
            "several cards" if len(read) > 1 else f"unit {unit}",
            {
                "--unit": len(read) > 1 and unit != "layer",
                "--shape": shape != "any",
                "--rule": rule != "exact",
                "--rank-allocation": rank_allocation,
                "--calibrate": len(read) > 1
                and (calibrate or gradient_checkpointing is not None or packing is not None),
                "--predictor": len(read) == 1 and predictor in ("gauss-newton", "trials"),
            },
        )
    if len(read) == 1 and combine is not None:
        raise InputError("combine is of several cards: name more than one")
    if calibrate:
        measured = _calibrated(
            measured, model, seed, gradient_checkpointing, packing, trust_remote_code
        )
    else:
        _check_costs(measured.costs, gradient_checkpointing, packing)
    asked: dict[str, Any] = {
        "objective": objective,
        "budget": budget,
        "layers": None if layers is None else parse_layers(layers),
        "engine": engine,
        "force": force,
    }
    modules, ranks = list(measured.modules), None
    tables: RenderableType = ""
    if len(read) > 1:
        shared = place_tasks(read, combine=combine or "worst", predictor=predictor, **asked)
        chosen, record, warnings = shared.layers, shared.to_dict(), shared.warnings
        words = report.tasks_verdict(shared)
    elif not whole:
        parts = place_modules(measured, unit=unit, **asked)
        chosen, record, warnings = parts.best.layers, parts.to_dict(), parts.warnings
        names = set(parts.best.modules)
        modules = [module for module in modules if module.name in names]
        words = report.module_verdict(measured, parts)
    else:
        choice = choose(
            measured,
            allocate_ranks=rank_allocation,
            predictor=predictor,
            rule=rule,
            shape=shape,
            **asked,
        )
        chosen, record, warnings = choice.best.layers, choice.to_dict(), choice.warnings
        ranks = None if choice.ranks is None else choice.ranks.ranks
        words = report.verdict(measured, choice)
        tables = report.placement_table(measured, choice, verbose=verbose)
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


def _check_costs(
    costs: "DeviceCosts", gradient_checkpointing: "Checkpointing | None", packing: int | None
) -> None:
    """Refuse costs of another training step than was asked for.

    Raises
    ------
    InputError
        Naming both.
    """
    if packing not in (None, costs.packing):
        own = "padded" if costs.packing is None else f"{costs.packing}-token packed"
        raise InputError(
            f"the card's costs are of {own} rows, not of packed ones of {packing} tokens: add "
            "--calibrate"
        )
    if gradient_checkpointing not in (None, costs.gradient_checkpointing):
        raise InputError(
            f"the card's costs are of a run with gradient checkpointing "
            f"{costs.gradient_checkpointing!r}, not {gradient_checkpointing!r}: add --calibrate"
        )


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
    gradient_checkpointing: "Checkpointing | None",
    packing: int | None,
    trust_remote_code: bool,
) -> "LayerCard":
    """The card with its costs measured again, on this machine."""
    from dataclasses import replace

    from realmodel.costs.calibration import calibrated_costs, random_batch
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
        gradient_checkpointing=gradient_checkpointing or card.costs.gradient_checkpointing,
        packing=packing,
    )
    return replace(card, costs=costs)
