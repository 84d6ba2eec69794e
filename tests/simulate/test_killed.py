"""Workers end with their parent, and a cluster that loses parts ends in numbers or in an error."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from simulate.sweep import sweep
from tests.simulate import counted_worlds
from theory import InputError

ROOT = str(Path(__file__).resolve().parents[2])


def running(process: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM])
def test_workers_end_with_their_parent(sent: signal.Signals) -> None:
    script = (
        "import os, time, joblib\nfrom simulate.workers import parallel\n"
        "def work(x):\n    print(os.getpid(), flush=True)\n    time.sleep(100)\n"
        "with parallel(2) as run:\n    list(run(joblib.delayed(work)(x) for x in range(2)))\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=ROOT,
    )
    assert parent.stdout is not None
    workers = [int(parent.stdout.readline()) for _ in range(2)]
    assert all(map(running, workers))
    parent.send_signal(sent)
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 60
    while any(map(running, workers)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(map(running, workers))


@pytest.fixture
def trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TRACE", str(tmp_path / "trace"))
    monkeypatch.setenv("PAUSE", "0.05")
    monkeypatch.setenv("PYTHONPATH", ROOT)
    return tmp_path / "trace"


def test_a_dask_worker_that_is_killed_midway_is_made_up_for(trace: Path) -> None:
    distributed = pytest.importorskip("distributed")
    points = counted_worlds.POINTS
    expected = sweep(counted_worlds.measure, points, seed=7)
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as cluster:
        victim = next(iter(cluster.workers.values())).pid
        killed: list[int] = []

        def kill(done: int, total: int) -> None:
            if done == 5 and not killed:
                killed.append(victim)
                os.kill(victim, signal.SIGKILL)

        address = cluster.scheduler_address
        rows = sweep(counted_worlds.measure, points, seed=7, dask=address, progress=kill)
    assert killed
    assert rows == expected


def test_a_dask_scheduler_that_is_gone_is_an_error(trace: Path) -> None:
    pytest.importorskip("distributed")
    script = (
        "from distributed import LocalCluster\nif __name__ == '__main__':\n"
        "    cluster = LocalCluster(n_workers=1, threads_per_worker=1, processes=False, "
        "dashboard_address=None)\n    print(cluster.scheduler_address, flush=True)\n    input()\n"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdin is not None
    assert other.stdout is not None
    address = other.stdout.readline().strip()

    def kill(done: int, total: int) -> None:
        if done == 3:
            other.kill()

    points = counted_worlds.POINTS
    with pytest.raises(InputError, match="the Dask scheduler .* has gone"):
        sweep(counted_worlds.measure, points, seed=7, dask=address, progress=kill)
    other.wait()
    other.stdin.close()
    other.stdout.close()
