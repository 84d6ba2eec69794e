"""From a model, its data and a ``LoraConfig`` to the ``LoraConfig`` of the chosen layers."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from peft import LoraConfig

from realmodel.card.build import card_of_sequences
from realmodel.card.options import CardOptions
from realmodel.datasets import Example, ReadOptions
from realmodel.datasets.schema import examples as read_rows
from realmodel.datasets.table import Table
from realmodel.measure.random_subset import random_subset
from realmodel.model.batches import IGNORED, EncodedExample, encode
from realmodel.model.checkpoint import Checkpoint
from realmodel.model.modules import find_modules
from realmodel.placement.place import place
from realmodel.placement.place_modules import UNITS, place_modules
from theory import InputError


def choose_layers(
    model: Any,
    tokenizer: Any,
    dataset: Iterable[Any],
    lora_config: LoraConfig | None = None,
    *,
    budget: str | int = 4,
    objective: str = "gain",
    unit: str = "layer",
    shape: str = "any",
    num_samples: int = 256,
    options: CardOptions | None = None,
    columns: ReadOptions | None = None,
) -> LoraConfig:
    """Measure which layers matter on a task, and put the best of them into a ``LoraConfig``.

    The result goes where the given one would: into ``get_peft_model``, or into a trainer as
    ``peft_config``.

    Parameters
    ----------
    model : transformers model
        A causal language model without adapters; given back unchanged.
    tokenizer : transformers tokenizer
    dataset : iterable
        What a trainer is given: rows of prompt and completion, messages, text or the like (as
        :func:`realmodel.read_examples` finds them), rows with ``input_ids`` and perhaps ``labels``
        or ``completion_mask``, or :class:`realmodel.datasets.Example`. A ``datasets.Dataset`` or a
        list of mappings.
    lora_config : peft.LoraConfig, optional
        Its rank and alpha are the planned run's; its ``target_modules`` (names, not a regular
        expression) are those to choose among, every linear map of the layers by default; its
        ``layers_to_transform`` are the layers to choose from. The rest is passed on as it is.
    budget, objective : str
        As :func:`realmodel.place`: four layers by default.
    unit : {"layer", "kind", "module"}
        What is taken or left as one (:func:`realmodel.place_modules`).
    shape : str
        Of whole layers, as :func:`realmodel.place`.
    num_samples : int
        Examples drawn at random; all where there are fewer.
    options : CardOptions, optional
        The planned steps, learning rate and batch size, and how to measure. Costs are measured
        only where the objective asks for them.
    columns : ReadOptions, optional
        Which columns are read, and what is trained.

    Returns
    -------
    peft.LoraConfig
        Full module names as ``target_modules``.

    Raises
    ------
    InputError
        A model with adapters, data that cannot be read, a configuration that cannot be measured,
        or what :func:`realmodel.measure_card` and :func:`realmodel.place` refuse.
    """
    if unit not in ("layer", *UNITS):
        raise InputError(f"unknown unit {unit!r}: choose layer, {', '.join(UNITS)}")
    if unit != "layer" and shape != "any":
        raise InputError(f"shape {shape!r} is one of whole layers: it has no meaning by {unit}")
    if getattr(model, "peft_config", None) is not None:
        raise InputError("the model carries adapters already: choose layers on the plain model")
    config = LoraConfig(task_type="CAUSAL_LM") if lora_config is None else lora_config
    scale = config.r**0.5 if config.use_rslora else 1.0
    base = options or CardOptions()
    planned = replace(
        base,
        protocol=replace(base.protocol, rank=config.r, alpha=float(config.lora_alpha * scale)),
        modules=_patterns(config.target_modules),
    )
    if objective in ("gain", "parameters"):
        planned = replace(planned, calibrate=False)
    window = planned.window.of(model)
    rows = _rows(dataset, num_samples, planned.seed)
    encoded = _encoded(rows, tokenizer, window, columns or ReadOptions())
    training = model.training
    model.eval()
    try:
        card = card_of_sequences(
            Checkpoint(
                model=model,
                tokenizer=tokenizer,
                source=getattr(model, "name_or_path", "") or "model",
                digest="in memory",
                architecture=str(model.config.model_type),
                dtype=str(model.dtype).removeprefix("torch."),
            ),
            encoded,
            find_modules(model, planned.modules),
            planned,
            data={
                "source": "data set",
                "examples": len(encoded),
                "left_out": len(rows) - len(encoded),
                "max_length": window,
            },
        )
    finally:
        model.train(training)
    among = _layers(config.layers_to_transform)
    if unit == "layer":
        best = place(card, objective=objective, budget=str(budget), layers=among, shape=shape).best
        names = card.modules_of(best.layers)
    else:
        names = place_modules(
            card, unit=unit, objective=objective, budget=str(budget), layers=among
        ).best.modules
    return replace(
        config,
        target_modules=list(names),
        layers_to_transform=None,
        layers_pattern=None,
        fan_in_fan_out=any(module.transposed for module in card.modules),
    )


def _patterns(targets: Any) -> tuple[str, ...] | None:
    if targets is None or targets == "all-linear":
        return None
    if isinstance(targets, str):
        raise InputError(
            f"target_modules {targets!r} is a regular expression: name the modules in a list, such "
            "as ['q_proj', 'v_proj'], or leave them out"
        )
    return tuple(f"*{name}" if "." in name else name for name in sorted(targets))


def _layers(wanted: Any) -> tuple[int, ...] | None:
    if wanted is None:
        return None
    return (wanted,) if isinstance(wanted, int) else tuple(wanted)


def _rows(dataset: Iterable[Any], count: int, seed: int) -> list[Any]:
    if count < 1:
        raise InputError(f"num_samples must be at least 1, got {count}")
    table: Any = dataset if hasattr(dataset, "__getitem__") else list(dataset)
    if isinstance(table, Mapping):
        raise InputError(f"the data set is a mapping of {', '.join(map(str, table))}: give a split")
    if not len(table):
        raise InputError("the data set has no rows")
    return [table[int(at)] for at in random_subset(len(table), min(count, len(table)), seed)]


def _encoded(
    rows: Sequence[Any], tokenizer: Any, window: int, columns: ReadOptions
) -> tuple[EncodedExample, ...]:
    if isinstance(rows[0], Mapping) and "input_ids" in rows[0]:
        made = tuple(_of_tokens(row, f"row {at}") for at, row in enumerate(rows, 1))
        kept = tuple(example for example in made if len(example.input_ids) <= window)
        if not kept:
            raise InputError(f"no row of the data set fits in the window of {window} tokens")
        return kept
    if not isinstance(rows[0], Example):
        table = Table("data set", "data set", "row", enumerate(rows, 1))
        rows = tuple(read_rows(table, columns))
    return encode(rows, tokenizer, max_length=window, too_long="skip")


def _of_tokens(row: Any, name: str) -> EncodedExample:
    """A row that a trainer's tokenisation has made, without its padding."""
    ids = [int(token) for token in row["input_ids"]]
    labels = [int(label) for label in row.get("labels") or ids]
    if len(labels) != len(ids):
        raise InputError(f"data set: {name}: {len(labels)} labels of {len(ids)} tokens")
    real = row.get("attention_mask") or [1] * len(ids)
    trained = row.get("completion_mask") or [1] * len(ids)
    triples = [
        (token, label if train else IGNORED)
        for token, label, train, is_real in zip(ids, labels, trained, real, strict=True)
        if is_real
    ]
    example = EncodedExample(tuple(t for t, _ in triples), tuple(k for _, k in triples), name)
    if not example.num_completion_tokens:
        raise InputError(f"data set: {name} has no token that is trained")
    return example
