"""The sums of one partition of the modules while batches stream through."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from realmodel.measure.gradient_sums import GradientSums
from realmodel.measure.head import Head, head_gradients, stopped_at, uniform_numbers
from realmodel.measure.lora_rows import LoraRows
from realmodel.measure.measurement import PassRecord
from realmodel.measure.moments import Moments
from realmodel.measure.seen import BatchView, Observer, Seen
from realmodel.measure.statistics.capture import captured
from realmodel.measure.statistics.completion_logits import completion_logits
from realmodel.measure.tangent.factors import LoraFactors
from realmodel.measure.tangent.kernel import Kernel
from realmodel.model.modules import AdaptedModule
from realmodel.model.not_finite import not_finite
from realmodel.runs.saved_run import SavedRun
from theory import InputError


class Partition:
    """Observers of some modules, and what they have seen so far.

    Attributes
    ----------
    sums
        Everything observed, by name; see :class:`realmodel.measure.measurement.Measurement`.
    counts
        What it is a sum over: unpadded ``positions`` in all; ``tokens`` (of completions),
        ``sequences`` and ``losses`` (summed, nats) of each group.

    Parameters
    ----------
    places
        Of the sequences that get a row, ascending.
    device
        Where the sums live; beside the values when None.
    folder
        Where many rows lie.
    """

    def __init__(
        self,
        modules: Sequence[AdaptedModule],
        options: PassRecord,
        factors: LoraFactors | None,
        places: Sequence[int],
        *,
        device: str | None,
        folder: Path | None,
    ) -> None:
        self.modules, self.options, self.device = tuple(modules), options, device
        self.sums: dict[str, torch.Tensor] = {}
        groups = max(1, options.groups)
        self.counts = {
            "positions": torch.zeros((), dtype=torch.int64),
            "tokens": torch.zeros(groups, dtype=torch.int64),
            "sequences": torch.zeros(groups, dtype=torch.int64),
            "losses": torch.zeros(groups, dtype=torch.float64),
        }
        self._observers: list[Observer] = []
        wanted = options.output_moment == "sampled" or options.protocol is not None
        self._draws = options.draws if wanted else 0
        if options.groups:
            self._observers += [
                Moments(modules, self.sums, output_moment=options.output_moment, device=device),
                GradientSums(options.groups, self.sums, device=device),
            ]
        if factors is not None and options.protocol is not None:
            own = factors.only(self.modules)
            dtype = torch.promote_types(getattr(torch, options.dtype), torch.float32)
            self._observers.append(
                LoraRows(own, self.sums, places, draws=self._draws, dtype=dtype, folder=folder)
            )

    def resume(self, saved: SavedRun, device: torch.device) -> int:
        """Continue from stored sums, if there are any; the number of batches done.

        Raises
        ------
        InputError
            If they are damaged or belong to another run.
        """
        stored = saved.restore()
        if stored is None:
            return 0
        tensors, counts, done = stored
        for name, tensor in tensors.items():
            if name in self.sums:  # rows: where they lie is decided already
                self.sums[name].copy_(tensor)
            else:
                self.sums[name] = tensor.to(self.device or device)
        for name, own in self.counts.items():
            own.copy_(torch.tensor(counts[name], dtype=own.dtype))
        return done

    def store(self, saved: SavedRun, done: int) -> None:
        """Write sums and counts after ``done`` batches."""
        saved.store(self.sums, {name: own.tolist() for name, own in self.counts.items()}, done)

    def add(self, model: Any, head: Head, view: BatchView) -> None:
        """Run one batch forward, and backward for each kind of labels.

        Raises
        ------
        InputError
            If the loss or a gradient is not finite, or a module does not see one row per
            position.
        """
        finite: list[torch.Tensor] = []

        def see(module: AdaptedModule, hidden: torch.Tensor, grad: torch.Tensor) -> None:
            finite.append(grad.isfinite().all())
            seen = Seen(module, hidden, grad, view)
            for observer in self._observers:
                observer.see(seen)

        with captured(model, self.modules, see), stopped_at(model, head):
            values, targets = completion_logits(model, view.batch)
            uniform = uniform_numbers(view.batch, draws=self._draws, seed=self.options.seed)
            loss, gradients = head_gradients(head, values, targets, uniform)
            if not np.isfinite(loss):
                raise not_finite(f"the loss of sequences {view.places} is {loss}", model)
            for kind, gradient in enumerate(gradients):
                view.draw = kind - 1 if kind else None
                values.backward(gradient, retain_graph=kind < self._draws)
            # Asked once: each asking waits for the device.
            if finite and not torch.stack(finite).all():
                raise not_finite(f"a gradient of sequences {view.places} is not finite", model)
        self.counts["positions"] += view.batch.attention_mask.sum().cpu()
        self.counts["tokens"][view.group] += len(targets)
        self.counts["sequences"][view.group] += len(view.places)
        self.counts["losses"][view.group] += loss

    def check_reached(self) -> None:
        """Raise where a module was never used."""
        if not self.options.groups:
            return
        for module in self.modules:
            if f"gradient/{module.name}" not in self.sums:
                raise InputError(
                    f"module {module.name} was never used: leave it out of the modules"
                )

    def form_kernels(self, tokens: Sequence[int], batch_size: int, device: torch.device) -> None:
        """Replace each module's rows by their products."""
        counts = np.asarray(tokens, dtype=np.float64)
        for module in self.modules:
            data, sampled = (self.sums.pop(f"{kind}/{module.name}") for kind in ("data", "sampled"))
            kernel = Kernel.from_rows(data, sampled, counts, batch_size=batch_size, device=device)
            for name, value in vars(kernel).items():
                self.sums[f"{name}/{module.name}"] = torch.as_tensor(value, dtype=torch.float64)
