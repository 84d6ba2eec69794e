"""One process of two is killed: the other ends with a sentence, long before any timeout."""

import os
import socket
import subprocess
import sys
from pathlib import Path

ROOT = str(Path(__file__).resolve().parents[3])
SCRIPT = """
import os, signal, torch
from realmodel.runs import processes
from theory import InputError
try:
    with processes.joined():
        if processes.place()[0] == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        processes.sum_over_processes([torch.ones(3)])
except InputError as error:
    print(error)
"""


def test_the_sibling_of_a_killed_process_says_so() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    shared = {**os.environ, "PYTHONPATH": ROOT, "TORCHELASTIC_RUN_ID": "x", "WORLD_SIZE": "2"}
    shared |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    ranks = [
        subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", SCRIPT],
            env={**shared, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for rank in range(2)
    ]
    said = [process.communicate(timeout=120)[0] for process in ranks]
    assert said[0].startswith("another process of this run has ended")
    assert ranks[1].returncode == -9
