"""Data parallelism over the processes of ``torchrun``."""

import os
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist


@contextmanager
def joined() -> Generator[None]:
    """Within this context, a process started by ``torchrun`` works together with its siblings.

    ``torchrun --nproc-per-node 8 --no-python layercard card --device cuda ...`` gives each
    process its own GPU and its own share of the sequences; all of them get the sums.
    Without ``torchrun`` nothing happens.
    """
    if "TORCHELASTIC_RUN_ID" not in os.environ or dist.is_initialized():
        yield
        return
    cuda = torch.cuda.is_available()
    if cuda:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("nccl" if cuda else "gloo")
    try:
        yield
    finally:
        dist.destroy_process_group()


def active() -> bool:
    """Whether a process group with more than one process is up."""
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def place() -> tuple[int, int]:
    """Rank and number of processes; (0, 1) when there is one."""
    return (dist.get_rank(), dist.get_world_size()) if active() else (0, 1)


def sum_over_processes(tensors: Iterable[torch.Tensor]) -> None:
    """Replace each tensor by its sum over all processes, in place."""
    on_gpu = dist.get_backend() == "nccl"
    for tensor in tensors:
        if on_gpu and not tensor.is_cuda:
            moved = tensor.cuda()
            dist.all_reduce(moved)
            tensor.copy_(moved)
        else:
            dist.all_reduce(tensor)


def gather(record: Any) -> list[Any]:
    """The records of all processes, in the order of their ranks."""
    records: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(records, record)
    return records
