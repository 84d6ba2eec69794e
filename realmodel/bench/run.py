"""Time the extraction against one plain forward and backward pass on the same batches."""

import gc
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

import torch

from realmodel.bench.models import SIZES, random_model
from realmodel.bench.operations import count_operations
from realmodel.bench.peak_memory import peak_memory
from realmodel.measure.statistics import collect_statistics
from realmodel.model.batches import EncodedExample, batches, completion_loss
from realmodel.model.modules import find_modules


@dataclass(frozen=True)
class Measurement:
    """One model on one device; seconds are medians over the rounds.

    Attributes
    ----------
    tokens
        Positions per pass.
    batch_size, partitions
        Sequences a batch, and groups of layers that the extraction takes one after the other.
    training_seconds, extraction_seconds
        Of one pass over all batches.
    ratio, floor
        Extraction over training, measured, and by counting operations.
    training_bytes, extraction_bytes
        Peak memory, weights included.
    peak_share
        Counted operations of the extraction per second over those of a large matrix product in
        the same dtype, measured in the same run.
    """

    model: str
    device: str
    dtype: str
    parameters: int
    tokens: int
    batch_size: int
    partitions: int
    rounds: int
    training_seconds: float
    extraction_seconds: float
    ratio: float
    floor: float
    training_bytes: int | None
    extraction_bytes: int | None
    peak_share: float

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


def _timed(work: Callable[[], object], device: str) -> float:
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    start = time.perf_counter()
    work()
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    return time.perf_counter() - start


def matmul_rate(device: str, dtype: torch.dtype) -> float:
    """Operations per second of a large square matrix product: the practical arithmetic peak."""
    size = 8192 if device.startswith("cuda") else 2048
    a = torch.randn(size, size, device=device, dtype=dtype)
    b = torch.randn(size, size, device=device, dtype=dtype)
    _timed(lambda: a @ b, device)
    return 2 * size**3 / min(_timed(lambda: a @ b, device) for _ in range(5))


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


def measure(
    name: str,
    *,
    device: str = "cpu",
    sequences: int = 8,
    length: int = 256,
    batch_size: int = 4,
    partitions: int = 1,
    rounds: int = 3,
    seed: int = 0,
) -> Measurement:
    """Measure one model size; training and extraction take turns, so that noise hits both.

    Raises
    ------
    InputError
        If the size is unknown or needs a GPU that is not there, or has fewer layers than
        ``partitions``.
    """
    model = random_model(name, device, seed)
    table = find_modules(model)
    vocabulary = int(model.config.vocab_size)
    examples = random_examples(sequences, length, vocabulary, seed)
    weights = [model.get_submodule(module.name).weight for module in table.modules]
    model.requires_grad_(False)

    def training() -> None:
        for weight in weights:
            weight.requires_grad_(True)
        for batch in batches(examples, batch_size=batch_size, pad_id=0):
            loss, _ = completion_loss(model, batch.to(device))
            loss.backward()
        for weight in weights:
            weight.requires_grad_(False)
            weight.grad = None

    def extraction() -> None:
        collect_statistics(
            model,
            examples,
            table,
            batch_size=batch_size,
            groups=min(2, sequences),
            partitions=partitions,
            output_moment="none",
            check_accuracy=False,
        )

    rate = matmul_rate(device, SIZES[name].dtype)
    peaks: list[int | None] = []
    for work in (training, extraction):  # warm-up, and the memory of each
        gc.collect()
        with peak_memory(device) as peak:
            work()
        peaks.append(peak.bytes)
    seconds = [(_timed(training, device), _timed(extraction, device)) for _ in range(rounds)]
    tokens = sequences * length
    width = int(table.modules[0].in_features)
    counted = count_operations(
        table.modules,
        width=width,
        vocabulary=vocabulary,
        length=length,
        partitions=partitions,
        completion_share=1 - (length // 2) / length,
    )
    extraction_seconds = median(extract for _, extract in seconds)
    return Measurement(
        model=name,
        device=torch.cuda.get_device_name() if device.startswith("cuda") else "cpu",
        dtype=str(SIZES[name].dtype).removeprefix("torch."),
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        tokens=tokens,
        batch_size=batch_size,
        partitions=partitions,
        rounds=rounds,
        training_seconds=median(train for train, _ in seconds),
        extraction_seconds=extraction_seconds,
        ratio=median(extract / train for train, extract in seconds),
        floor=counted.floor,
        training_bytes=peaks[0],
        extraction_bytes=peaks[1],
        peak_share=counted.extraction * tokens / extraction_seconds / rate,
    )
