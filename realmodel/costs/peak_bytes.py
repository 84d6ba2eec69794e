"""Bytes that a piece of work needs at its highest, beyond what was there before it."""

import weakref
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


def peak_bytes(run: Callable[[], object], device: torch.device) -> int:
    """Peak of what ``run`` allocates: by CUDA's allocator, on a CPU by counting live tensors.

    A count of what autograd saves would miss what checkpointing computes again, where torch's own
    hooks stand in front of ours.

    Examples
    --------
    >>> def run():
    ...     first = torch.zeros(100)
    ...     del first
    ...     return torch.zeros(50) + torch.zeros(25, 2).flatten()
    >>> peak_bytes(run, torch.device("cpu"))  # the three of 50, once the first 100 are freed
    600
    """
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        run()
        torch.cuda.synchronize(device)
        return int(torch.cuda.max_memory_allocated(device)) - before
    with _LiveBytes() as live:
        run()
    return live.highest


class _LiveBytes(TorchDispatchMode):
    """Adds up the storages that operations make, for as long as something holds them."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.highest = 0
        self._known: set[int] = set()

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        given = {_identity(storage) for storage in _storages((args, kwargs))}
        made = func(*args, **(kwargs or {}))
        for storage in _storages(made):
            address = _identity(storage)
            if address not in given and address not in self._known:
                self._known.add(address)
                self.now += storage.nbytes()
                self.highest = max(self.highest, self.now)
                weakref.finalize(storage, self._freed, address, storage.nbytes())
        return made

    def _freed(self, address: int, size: int) -> None:
        self._known.discard(address)
        self.now -= size


def _storages(values: Any) -> list[torch.UntypedStorage]:
    return [
        leaf.untyped_storage() for leaf in tree_leaves(values) if isinstance(leaf, torch.Tensor)
    ]


def _identity(storage: torch.UntypedStorage) -> int:
    """Of the memory itself: Python objects for it come and go."""
    return int(storage._cdata)  # pyright: ignore[reportPrivateUsage]  (torch has no public name)
