"""What one fine-tuning run measured."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from realmodel.model.lora_protocol import FinetuneOptions


@dataclass(frozen=True)
class Latency:
    """Milliseconds of one forward pass over the first held-out batch, median of several.

    ``adapted`` runs with the adapters unmerged, ``base`` with them switched off.
    """

    base_ms: float
    adapted_ms: float

    @property
    def overhead(self) -> float:
        """Relative extra time of unmerged adapters; 0.1 means 10% slower."""
        return self.adapted_ms / self.base_ms - 1


@dataclass(frozen=True)
class Forgetting:
    """Loss on a text of another kind, nats per token, before the run and after it.

    Parameters
    ----------
    before, after : float
    data : str
        Digest of that text.

    Examples
    --------
    >>> round(Forgetting(2.0, 2.5, "sha256:...").forgotten, 3)
    0.5
    """

    before: float
    after: float
    data: str

    @property
    def forgotten(self) -> float:
        """How much the loss rose; negative where training helped there too."""
        return self.after - self.before


@dataclass(frozen=True)
class GenerationScores:
    """Corpus scores of greedy generation against every reference (sacrebleu, 0 to 100+)."""

    bleu: float
    chrf: float
    ter: float
    prompts: int
    signature: str


@dataclass(frozen=True)
class FinetuneResult:
    """One placement, one seed.

    Parameters
    ----------
    layers : tuple of int
        Layers that hold at least one adapted module.
    modules : tuple of str
        Full names of the adapted modules.
    options : FinetuneOptions
        The protocol, with the seed.
    ranks : mapping of str to int
        Modules of another rank than the protocol's.
    loss_before, loss_after : float
        Held-out mean, nats per completion token.
    training_losses : tuple of float
        One per step, nats per completion token of the step's batch.
    trainable_parameters, adapter_bytes : int
        Of the adapters as trained.
    tokens_per_second : float or None
        Of training, prompt and completion; None when a finished run was only read back.
    peak_memory_bytes : int
        CUDA's peak allocation, or the process's peak resident size on a CPU (which never
        falls: compare runs of separate processes).
    latency : Latency or None
        None when it was not asked for.
    generation : GenerationScores or None
        None when it was not asked for.
    forgetting : Forgetting or None
        None when no other text was given.
    model, model_digest, device : str
        Where it ran and on what.
    """

    layers: tuple[int, ...]
    modules: tuple[str, ...]
    options: FinetuneOptions
    ranks: Mapping[str, int]
    loss_before: float
    loss_after: float
    training_losses: tuple[float, ...]
    trainable_parameters: int
    adapter_bytes: int
    tokens_per_second: float | None
    seconds: float
    peak_memory_bytes: int
    latency: Latency | None
    generation: GenerationScores | None
    model: str
    model_digest: str
    device: str
    forgetting: Forgetting | None = None

    @property
    def gain(self) -> float:
        """Fall of the held-out loss, nats per completion token."""
        return self.loss_before - self.loss_after

    def to_dict(self) -> dict[str, Any]:
        """A JSON object, with the gain spelled out."""
        record = asdict(self)
        record["gain"] = self.gain
        if self.latency is not None:
            record["latency"]["overhead"] = self.latency.overhead
        if self.forgetting is not None:
            record["forgetting"]["forgotten"] = self.forgetting.forgotten
        return record
