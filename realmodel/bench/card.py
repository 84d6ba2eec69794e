"""Time a whole card against one plain forward and backward pass over the same sequences."""

import gc
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import torch

from realmodel.bench.models import SIZES, random_model
from realmodel.bench.peak_memory import peak_memory
from realmodel.card import CardOptions
from realmodel.card.build import card_of_sequences
from realmodel.card.estimate import expected_stages
from realmodel.datasets import read_examples
from realmodel.measure.attention import attention
from realmodel.measure.operations import count_operations, product_parameters
from realmodel.measure.pass_options import PassOptions
from realmodel.model.batches import EncodedExample, batches, completion_loss, encode
from realmodel.model.checkpoint import Checkpoint, load_checkpoint
from realmodel.model.digest import model_digest
from realmodel.model.forward import window_of
from realmodel.model.lora_protocol import FinetuneOptions
from realmodel.model.modules import find_modules
from realmodel.report import write_card
from realmodel.runs.stopwatch import elapsed


@dataclass(frozen=True)
class CardTiming:
    """One model on one device; seconds are medians over the rounds.

    Attributes
    ----------
    tokens, completion_tokens
        Unpadded positions, and those that carry loss.
    training_seconds, card_seconds
        Wall time of the plain pass, and of everything that ``layercard card`` does after loading.
    ratio
        Of the two, round by round.
    processor_ratio
        The same of processor time, which other work on the machine disturbs less; None on a GPU.
    floor
        By counting operations of the card's pass, at equal efficiency.
    stages
        Seconds of the card's stages in the last round; processor time on a CPU with one thread.
    expected
        What ``layercard card --estimate`` says of each stage's seconds.
    expected_bytes
        And of the peak over all stages.
    operations
        The floor's terms, as ratios to the operations of training.
    training_bytes, card_bytes
        Peak memory, weights included.
    """

    model: str
    device: str
    dtype: str
    parameters: int
    sequences: int
    tokens: int
    completion_tokens: int
    batch_size: int
    partitions: int
    rounds: int
    training_seconds: float
    card_seconds: float
    ratio: float
    processor_ratio: float | None
    floor: float
    training_bytes: int | None
    card_bytes: int | None
    stages: dict[str, float] = field(default_factory=dict[str, float])
    expected: dict[str, float] = field(default_factory=dict[str, float])
    expected_bytes: int = 0
    operations: dict[str, float] = field(default_factory=dict[str, float])


def random_examples(
    count: int, length: int, vocabulary: int, seed: int
) -> tuple[EncodedExample, ...]:
    """Full-length sequences without padding; the second half carries the loss."""
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randint(0, vocabulary, (count, length), generator=generator).tolist()
    half = length // 2
    return tuple(
        EncodedExample(tuple(row), (*([-100] * half), *row[half:]), f"random-{number}")
        for number, row in enumerate(rows)
    )


def time_card(
    name: str,
    *,
    data: Path | None = None,
    num_samples: int = 256,
    length: int = 256,
    device: str = "cpu",
    passing: PassOptions | None = None,
    calibrate: bool = True,
    rounds: int = 1,
    seed: int = 0,
) -> CardTiming:
    """Measure one model; the plain pass and the card take turns, so that noise hits both.

    Parameters
    ----------
    name
        A checkpoint, or one of :data:`realmodel.bench.models.SIZES` with random weights.
    data
        Task of a checkpoint; without it random tokens in sequences of ``length``.
    passing
        The card's; the plain pass takes batches of the same size.

    Raises
    ------
    InputError
        If the model cannot be had, or needs a GPU that is not there.
    """
    checkpoint = _checkpoint(name, device, seed)
    model = checkpoint.model
    if data is None:
        vocabulary = int(model.config.vocab_size)
        encoded = random_examples(num_samples, length, vocabulary, seed)
    else:
        examples = read_examples(data, num_samples=num_samples, seed=seed)
        encoded = encode(examples, checkpoint.tokenizer, max_length=window_of(model))
    passing = passing or PassOptions()
    options = CardOptions(
        protocol=FinetuneOptions(seed=seed), one_pass=passing, calibrate=calibrate
    )
    stages: dict[str, float] = {}

    alone = device == "cpu" and torch.get_num_threads() == 1
    clock = time.process_time if alone else time.perf_counter
    table = find_modules(model)
    expected = expected_stages(
        model,
        encoded,
        table.modules,
        options,
        device=device,
        dtype=getattr(torch, checkpoint.dtype),
    )

    def card(folder: Path) -> None:
        last = [clock()]

        def tell(stage: str, done: int, total: int) -> None:
            now = clock()
            stages[stage] = stages.get(stage, 0.0) + now - last[0]
            last[0] = now

        stages.clear()
        source = {"source": str(data or "random tokens"), "examples": len(encoded)}
        made = card_of_sequences(checkpoint, encoded, table, options, data=source, progress=tell)
        tell("assembly", 1, 1)
        write_card(made, folder)
        tell("writing", 1, 1)

    weights = [model.get_submodule(module.name).weight for module in table.modules]
    model.requires_grad_(False)

    def training() -> None:
        _plain_pass(model, encoded, weights, passing.batch_size)

    rows: list[tuple[_Clocked, _Clocked]] = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            rows.append(
                (_Clocked.of(training, device), _Clocked.of(lambda: card(Path(folder)), device))
            )
    gpu = device.startswith("cuda")
    positions = sum(len(example.input_ids) for example in encoded)
    tokens = sum(example.num_completion_tokens for example in encoded)
    body, head = product_parameters(model)
    everything = sum(parameter.numel() for parameter in model.parameters())
    counted = count_operations(
        table.modules,
        passing,
        body=body,
        head=head,
        positions=positions,
        tokens=tokens,
        sequences=len(encoded),
        length=positions / len(encoded),
        width=int(model.config.hidden_size),
        rank=options.protocol.rank,
    )
    return CardTiming(
        model=name,
        device=torch.cuda.get_device_name() if gpu else f"cpu, {torch.get_num_threads()} threads",
        dtype=checkpoint.dtype,
        parameters=everything,
        sequences=len(encoded),
        tokens=positions,
        completion_tokens=tokens,
        batch_size=passing.batch_size,
        partitions=passing.partitions,
        rounds=rounds,
        training_seconds=median(plain.wall for plain, _ in rows),
        card_seconds=median(whole.wall for _, whole in rows),
        ratio=median(whole.wall / plain.wall for plain, whole in rows),
        processor_ratio=(
            None if gpu else median(whole.processor / plain.processor for plain, whole in rows)
        ),
        floor=counted.floor,
        training_bytes=rows[0][0].bytes,
        card_bytes=rows[0][1].bytes,
        stages=stages,
        expected={stage.stage: stage.seconds for stage in expected},
        expected_bytes=max(stage.memory for stage in expected),
        operations={term: own / counted.training for term, own in counted.card.items()},
    )


@dataclass(frozen=True)
class _Clocked:
    wall: float
    processor: float
    bytes: int | None

    @classmethod
    def of(cls, work: Callable[[], object], device: str) -> "_Clocked":
        gc.collect()
        wall: list[float] = []
        with peak_memory(device) as peak:
            processor = elapsed(
                lambda: wall.append(elapsed(work, device)), device, time.process_time
            )
        return cls(wall[0], processor, peak.bytes)


def _plain_pass(
    model: Any, encoded: Sequence[EncodedExample], weights: Sequence[Any], batch_size: int
) -> None:
    for weight in weights:
        weight.requires_grad_(True)
    with attention(model, "sdpa"):
        for batch in batches(encoded, batch_size=batch_size, pad_id=0, by_length=True):
            loss, _ = completion_loss(model, batch.to(model.device))
            loss.backward()
    for weight in weights:
        weight.requires_grad_(False)
        weight.grad = None


def _checkpoint(name: str, device: str, seed: int) -> Checkpoint:
    if name not in SIZES and Path(name).is_dir():
        return load_checkpoint(name, device=device)
    model = random_model(name, device, seed)
    dtype = str(SIZES[name].dtype).removeprefix("torch.")
    digest = "random" if device.startswith("cuda") else model_digest(model)
    return Checkpoint(model, None, name, digest, model.config.model_type, dtype)
