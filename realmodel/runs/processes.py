"""Data parallelism over the processes of ``torchrun``."""

import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager

import torch
import torch.distributed as dist

from realmodel.runs.heartbeat import watched
from theory import InputError


@contextmanager
def joined() -> Generator[None]:
    """Within this context, a process started by ``torchrun`` works together with its siblings.

    ``torchrun --nproc-per-node 8 --no-python layercard card --device cuda ...`` gives each
    process its own GPU and its own share of the sequences; all of them get the sums.
    Without ``torchrun`` nothing happens.

    Raises
    ------
    InputError
        When a sibling has ended before its share of a sum was there. One that is frozen ends this
        process within a minute: see :mod:`realmodel.runs.heartbeat`.
    """
    if "TORCHELASTIC_RUN_ID" not in os.environ or dist.is_initialized():
        yield
        return
    cuda = torch.cuda.is_available()
    if cuda:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("nccl" if cuda else "gloo")
    try:
        with watched():
            yield
    except (RuntimeError, dist.DistError) as error:
        if not _lost(error):
            raise
        raise InputError(
            "another process of this run has ended: see its message above, and start the run "
            "again; it continues from its resume folder, if it has one"
        ) from error
    finally:
        dist.destroy_process_group()


def _lost(error: Exception) -> bool:
    """Whether a sum failed because a sibling is gone: gloo and nccl say so in words alone."""
    text = str(error)
    return isinstance(error, dist.DistError) or "gloo" in text or "Connection closed" in text


def active() -> bool:
    """Whether a process group with more than one process is up."""
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def place() -> tuple[int, int]:
    """Rank and number of processes; (0, 1) when there is one."""
    return (dist.get_rank(), dist.get_world_size()) if active() else (0, 1)


def sum_over_processes(tensors: Mapping[str, torch.Tensor]) -> None:
    """Replace each tensor by its sum over all processes, in place."""
    on_gpu = dist.get_backend() == "nccl"
    for _, tensor in sorted(tensors.items()):  # every process in the same order
        if on_gpu and not tensor.is_cuda:
            moved = tensor.cuda()
            dist.all_reduce(moved)
            tensor.copy_(moved)
        else:
            dist.all_reduce(tensor)
