"""Measure a Layer Card: statistics, Gauss-Newton, costs, profiles."""

import platform
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from realmodel.card.expected import expected_stages
from realmodel.card.intervals import check_intervals, intervals
from realmodel.card.layer_card import LayerCard
from realmodel.card.layered import layer_gains, module_gains, replicates_by_layer
from realmodel.card.options import CardOptions
from realmodel.card.preflight import preflight, time_warnings
from realmodel.card.profiles import profiles
from realmodel.card.tangent_model import tangent_model
from realmodel.costs.calibration import calibrated_costs, counted_costs
from realmodel.costs.device_costs import DeviceCosts
from realmodel.datasets import Example
from realmodel.measure.coverage import left_out
from realmodel.measure.gauss_newton import gauss_newton, select_directions
from realmodel.measure.gauss_newton.tangents import check_forward_mode
from realmodel.measure.statistics import collect_statistics
from realmodel.measure.statistics.plan import data_digest
from realmodel.model.batches import EncodedExample, batches, encode, padding_id
from realmodel.model.checkpoint import DTYPES, Checkpoint
from realmodel.model.forward import window_of
from realmodel.model.modules import ModuleTable, find_modules

Progress = Callable[[str, int, int], None]
"""Told the stage, how much of it is done, and of how much."""

CALIBRATION_SEQUENCES = 4


def measure_card(
    checkpoint: Checkpoint,
    examples: Sequence[Example],
    options: CardOptions | None = None,
    *,
    source: str = "examples",
    work_dir: str | Path | None = None,
    progress: Progress | None = None,
    warn: Callable[[str], None] | None = None,
) -> LayerCard:
    """Measure one model on one task.

    Directions are chosen on one half of the sequences and the quadratic is measured on the other,
    so that the gain is not overstated by the choice.

    Parameters
    ----------
    checkpoint : Checkpoint
        Loaded with eager attention.
    examples : sequence of Example
        The task.
    options : CardOptions, optional
    source : str
        Where the examples come from, for the record.
    work_dir : path, optional
        Folder of intermediate sums; a killed run started again with the same input continues.
    progress : callable, optional
    warn : callable, optional
        Told what :func:`realmodel.card.preflight.preflight` finds before the first pass.

    Returns
    -------
    LayerCard

    Raises
    ------
    InputError
        No example, an example that does not fit the window, modules that cannot be measured,
        options out of range, not enough memory.
    """
    options = options or CardOptions()
    tell: Progress = progress or (lambda stage, done, total: None)
    model = checkpoint.model
    table = find_modules(model, options.modules)
    window = options.max_length or window_of(model)
    encoded = encode(examples, checkpoint.tokenizer, max_length=window, too_long=options.too_long)
    check_intervals(options.intervals, table.layers)
    check_forward_mode(model, table.modules)
    looked = preflight(checkpoint, encoded, left_out=len(examples) - len(encoded))
    if warn is not None:
        device, dtype = str(next(model.parameters()).device), DTYPES[checkpoint.dtype]
        stages = expected_stages(model, encoded, options, device=device, dtype=dtype)
        for warning in (*looked.warnings, *time_warnings(stages)):
            warn(warning)
    statistics = collect_statistics(
        checkpoint,
        encoded,
        table,
        batch_size=options.batch_size,
        partitions=options.partitions,
        offload=options.offload,
        work_dir=work_dir,
        seed=options.seed,
        progress=lambda done, total: tell("statistics", done, total),
    )
    directions = select_directions(
        statistics, k=options.directions, ridge=options.ridge, seed=options.seed
    )
    measured = gauss_newton(
        checkpoint,
        encoded,
        table,
        directions,
        batch_size=options.batch_size,
        curvature_sequences=options.curvature_samples,
        damping=options.damping,
        work_dir=work_dir,
        progress=lambda done, total: tell("Gauss-Newton", done, total),
    )
    tangent = tangent_model(
        checkpoint,
        encoded,
        table.modules,
        options,
        work_dir,
        lambda done, total: tell("tangent model", done, total),
    )
    brackets = intervals(
        checkpoint, encoded, statistics, options, lambda done, total: tell("intervals", done, total)
    )
    costs = _costs(checkpoint, table, encoded, options, tell)
    replicates = replicates_by_layer(measured)
    done = [0]

    def step() -> None:
        done[0] += 1
        tell("profiles", done[0], len(table.modules))

    modules, layers = profiles(
        statistics,
        rank=options.rank,
        ridge=options.ridge,
        module_gains=module_gains(measured),
        layer_gains=layer_gains(measured, replicates),
        budget_gains=() if tangent is None else tangent.single_gains(),
        progress=step,
    )
    return LayerCard(
        model={
            "source": checkpoint.source,
            "digest": checkpoint.digest,
            "architecture": checkpoint.architecture,
            "dtype": checkpoint.dtype,
            "layers": len(layers),
            "parameters": sum(parameter.numel() for parameter in model.parameters()),
            "modules": table.origin,
            "excluded": dict(table.excluded),
            "left_out": left_out(model, table.modules, encoded),
            "dequantised": checkpoint.dequantised,
        },
        data={
            "source": source,
            "digest": data_digest(encoded),
            "examples": len(encoded),
            "left_out": len(examples) - len(encoded),
            "tokens": statistics.positions,
            "completion_tokens": statistics.tokens,
            "loss": statistics.loss,
            "max_length": window,
        },
        options=_options(options)
        | {
            "measured_on": dict(measured.metadata),
            "groups": statistics.options.groups,
            "accuracy": dict(statistics.accuracy),
        },
        versions=versions(),
        modules=modules,
        layers=layers,
        quadratic=measured.by_layer(),
        costs=costs,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        replicates=replicates,
        tangent=tangent,
        intervals=brackets,
        protocol=options.protocol(),
    )


def versions() -> dict[str, str]:
    """Packages that decide the numbers, and the platform."""
    packages = ("layercard", "numpy", "scipy", "torch", "transformers", "peft")
    found = {name: version(name) for name in packages}
    return found | {"python": platform.python_version(), "platform": platform.platform()}


def _options(options: CardOptions) -> dict[str, Any]:
    record = asdict(options)
    record["intervals"] = [list(layers) for layers in options.intervals]
    record["modules"] = None if options.modules is None else list(options.modules)
    record["alpha"] = options.protocol().alpha
    return record


def _costs(
    checkpoint: Checkpoint,
    table: ModuleTable,
    encoded: Sequence[EncodedExample],
    options: CardOptions,
    tell: Progress,
) -> DeviceCosts:
    chosen = encoded[: min(CALIBRATION_SEQUENCES, options.batch_size)]
    if not options.calibrate:
        tokens = sum(len(example.input_ids) for example in chosen)
        return counted_costs(checkpoint.model, table.modules, rank=options.rank, tokens=tokens)
    (batch,) = batches(chosen, batch_size=len(chosen), pad_id=padding_id(checkpoint.tokenizer))
    done = [0]

    def step() -> None:
        done[0] += 1
        tell("costs", done[0], 6)

    return calibrated_costs(
        checkpoint.model, table.modules, batch, rank=options.rank, progress=step
    )
