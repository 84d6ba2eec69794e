"""One process of two is killed or frozen: the other ends with a sentence, within a minute."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = str(Path(__file__).resolve().parents[3])
SCRIPT = """
import os, signal, sys, time, torch
from realmodel.runs import heartbeat, processes
from theory import InputError
lost, sent = int(sys.argv[1]), int(sys.argv[2])
heartbeat.BEAT = 0.1
try:
    with processes.joined():
        processes.sum_over_processes({"x": torch.ones(3)})
        if sent and processes.place()[0] == lost:
            time.sleep(0.5)
            os.kill(os.getpid(), sent)
        if sent:
            processes.sum_over_processes({"x": torch.ones(3)})
        elif processes.place()[0] != lost:
            time.sleep(2 * heartbeat.BEAT * heartbeat.MISSED)  # alone, after the other has left
except InputError as error:
    print(error)
print("ended")
"""


def both(lost: int, sent: int) -> tuple[str, str]:
    """What the process that stays says on stdout and on stderr."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    shared = {**os.environ, "PYTHONPATH": ROOT, "TORCHELASTIC_RUN_ID": "x", "WORLD_SIZE": "2"}
    shared |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    ranks = [
        subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", SCRIPT, str(lost), str(sent)],
            env={**shared, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        said = ranks[1 - lost].communicate(timeout=60)
        assert ranks[1 - lost].returncode == (2 if sent == signal.SIGSTOP else 0)
    finally:
        for process in ranks:
            process.kill()
            process.communicate()
    return said


def test_the_sibling_of_a_killed_process_says_so() -> None:
    assert both(1, signal.SIGKILL)[0].startswith("another process of this run has ended")


@pytest.mark.parametrize("lost", [0, 1])
def test_the_sibling_of_a_frozen_process_says_so(lost: int) -> None:
    """The first one holds the store too, through which they beat."""
    assert f"error: process {lost} of this run has been silent for" in both(lost, signal.SIGSTOP)[1]


def test_who_has_left_may_be_silent() -> None:
    assert both(1, 0)[0] == "ended\n"
