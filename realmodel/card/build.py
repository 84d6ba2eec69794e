"""Measure a Layer Card: one pass over the sequences, costs, profiles."""

import platform
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from realmodel.card.estimate import expected_stages
from realmodel.card.exact_curvature import exact_curvature
from realmodel.card.intervals import check_intervals, intervals
from realmodel.card.layer_card import LayerCard
from realmodel.card.options import CardOptions
from realmodel.card.pilot import Pilot
from realmodel.card.pilot_runs import held_out, make_pilot, make_trials, pilot_wanted
from realmodel.card.predictor import Predictor
from realmodel.card.preflight import preflight, time_warnings
from realmodel.card.profiles import profiles
from realmodel.card.tangent_model import tangent_model
from realmodel.card.trials import DIGITS, Trials
from realmodel.costs.calibration import calibrated_costs
from realmodel.costs.counted import counted_costs
from realmodel.costs.device_costs import DeviceCosts
from realmodel.costs.packing import check_rows, check_window, packed
from realmodel.datasets import Example
from realmodel.measure.coverage import left_out
from realmodel.measure.gauss_newton.tangents import check_forward_mode
from realmodel.measure.one_pass import one_pass
from realmodel.measure.random_subset import random_subset
from realmodel.measure.tangent.alignment import kernel_alignment
from realmodel.model.batches import EncodedExample, batches
from realmodel.model.checkpoint import DTYPES, Checkpoint
from realmodel.model.forward import window_of
from realmodel.model.modules import ModuleTable, find_modules
from theory import InputError

Progress = Callable[[str, int, int], None]
"""Told the stage, how much of it is done, and of how much."""


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

    One forward pass over the sequences, and one backward pass for each kind of labels, give all of
    it but the costs; the exact curvature and the intervals take passes of their own.

    Parameters
    ----------
    checkpoint : Checkpoint
        Loaded with any attention.
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
    options, examples = options or CardOptions(), tuple(examples)
    _check_kinds(checkpoint, examples, options)
    model = checkpoint.model
    table = find_modules(model, options.modules)  # refuses before anything is encoded
    encoded = options.window.encoded(examples, model, checkpoint.tokenizer)
    looked = preflight(checkpoint, encoded, left_out=len(examples) - len(encoded))
    if warn is not None:
        device, dtype = str(next(model.parameters()).device), DTYPES[checkpoint.dtype]
        stages = expected_stages(model, encoded, table.modules, options, device=device, dtype=dtype)
        for warning in (*looked.warnings, *time_warnings(stages)):
            warn(warning)
    return card_of_sequences(
        checkpoint,
        encoded,
        table,
        options,
        data={
            "source": source,
            "examples": len(encoded),
            "left_out": len(examples) - len(encoded),
            "max_length": options.window.of(checkpoint.model),
        },
        work_dir=work_dir,
        progress=progress,
    )


def _check_kinds(checkpoint: object, examples: Iterable[object], options: object) -> None:
    if not isinstance(checkpoint, Checkpoint) or not isinstance(options, CardOptions):
        raise InputError(
            "expected a Checkpoint, as load_checkpoint returns it, and CardOptions; got "
            f"{type(checkpoint).__name__} and {type(options).__name__}"
        )
    for one in examples:
        if not isinstance(one, Example):
            raise InputError(f"expected examples, as read_examples returns them; got {one!r:.80}")


def card_of_sequences(
    checkpoint: Checkpoint,
    encoded: Sequence[EncodedExample],
    table: ModuleTable,
    options: CardOptions,
    *,
    data: Mapping[str, Any],
    work_dir: str | Path | None = None,
    progress: Progress | None = None,
) -> LayerCard:
    """:func:`measure_card` on sequences that are encoded already.

    Parameters
    ----------
    table : ModuleTable
        The model's modules by the patterns of ``options``.
    data : mapping
        ``source``, ``examples`` and what else the record of the data should say.
    """
    tell: Progress = progress or (lambda stage, done, total: None)
    model = checkpoint.model
    _refuse(model, encoded, table, options)
    measurement = one_pass(
        checkpoint,
        encoded,
        table,
        options.one_pass,
        protocol=options.protocol,
        work_dir=work_dir,
        seed=options.seed,
        progress=partial(tell, "one pass"),
    )
    tangent = tangent_model(measurement)
    if not tangent.predictor.quadratic.gradient.any():
        raise InputError(
            f"the loss of this {checkpoint.architecture} model does not change with any measured "
            "module: every gradient is exactly zero, so that there is nothing to choose; check the "
            "checkpoint's weights and its config.json"
        )
    exact = None
    if options.exact_curvature:
        told = partial(tell, "exact curvature")
        exact = exact_curvature(checkpoint, encoded, measurement, options, work_dir, told)
    pilot = _pilot(checkpoint, encoded, table, tangent.predictor, options, partial(tell, "pilot"))
    trials = None
    if options.trials and pilot is not None:
        runs = make_trials(
            checkpoint,
            encoded,
            table,
            tangent.predictor,
            options.protocol,
            options.trials,
            progress=partial(tell, "trials"),
        )
        alignment = kernel_alignment(measurement.tangent())
        trials = Trials(runs, pilot.whole, tangent.predictor, np.round(alignment, DIGITS))
    brackets = intervals(checkpoint, encoded, measurement, options, partial(tell, "intervals"))
    costs = _costs(model, table, encoded, options, partial(tell, "costs"))
    modules, layers = profiles(
        measurement,
        rank=options.protocol.rank,
        ridge=options.ridge,
        gains={} if exact is None else exact.gains,
        budget_gains=tangent.gains,
        progress=partial(tell, "profiles"),
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
            **data,
            "digest": measurement.parts[0].data,
            "tokens": measurement.positions,
            "completion_tokens": measurement.tokens,
            "loss": measurement.loss,
        },
        options=options.to_dict() | {"groups": measurement.options.groups},
        versions=versions(),
        module_profiles=modules,
        layers=layers,
        costs=costs,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        tangent=tangent.predictor,
        gauss_newton=None if exact is None else exact.predictor,
        intervals=brackets,
        protocol=options.protocol,
        module_model=tangent.module_model,
        pilot=pilot,
        trials=trials,
    )


def _refuse(
    model: Any, encoded: Sequence[EncodedExample], table: ModuleTable, options: CardOptions
) -> None:
    """What would otherwise be refused after the pass."""
    check_intervals(options.intervals, table.layers)
    if options.packing is not None:
        if options.calibrate:
            check_window(options.packing, window_of(model))
        check_rows(encoded, options.packing)
    if options.pilot or options.trials:
        held_out(encoded, options.seed)
    if options.exact_curvature or options.intervals:
        check_forward_mode(model, table.modules)


def _pilot(
    checkpoint: Checkpoint,
    encoded: Sequence[EncodedExample],
    table: ModuleTable,
    tangent: Predictor,
    options: CardOptions,
    progress: Callable[[int, int], None],
) -> Pilot | None:
    if not pilot_wanted(options, encoded):
        return None
    try:
        return make_pilot(checkpoint, encoded, table, tangent, options.protocol, progress=progress)
    except InputError:  # some models can be measured and not adapted
        if options.pilot or options.trials:
            raise
        return None


def versions() -> dict[str, str]:
    """Packages that decide the numbers, and the platform."""
    packages = ("layercard", "numpy", "scipy", "torch", "transformers", "peft")
    found = {name: version(name) for name in packages}
    return found | {"python": platform.python_version(), "platform": platform.platform()}


def _costs(
    model: Any,
    table: ModuleTable,
    encoded: Sequence[EncodedExample],
    options: CardOptions,
    progress: Callable[[int, int], None],
) -> DeviceCosts:
    wanted = min(options.protocol.batch_size, len(encoded))
    chosen = [encoded[place] for place in random_subset(len(encoded), wanted, options.seed)]
    checkpointing, packing = options.gradient_checkpointing, options.packing
    if packing is None:
        (batch,) = batches(chosen, batch_size=len(chosen), pad_id=0)  # masked: any token serves
    else:
        batch = packed(chosen, packing, pad_id=0)
    if not options.calibrate:
        counted = counted_costs(
            model,
            table.modules,
            rank=options.protocol.rank,
            tokens=int(batch.attention_mask.sum()),
            gradient_checkpointing=checkpointing,
        )
        if packing is None:
            return counted
        return replace(counted, packing=packing, batch=(len(batch.input_ids), packing))
    return calibrated_costs(
        model,
        table.modules,
        batch,
        rank=options.protocol.rank,
        gradient_checkpointing=checkpointing,
        packing=packing,
        progress=progress,
    )
