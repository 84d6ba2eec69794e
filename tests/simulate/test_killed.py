"""Workers end with their parent, and a cluster that loses parts ends in numbers or in an error."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import CancelledError
from contextlib import suppress
from pathlib import Path

import pytest

from simulate.sweep import sweep
from simulate.workers import parallel
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


CLUSTER = """
import signal, sys
from distributed import LocalCluster
if __name__ == "__main__":
    options = dict(threads_per_worker=1, protocol="tcp", dashboard_address=":0")
    cluster = LocalCluster(n_workers=2, processes=True, **options)
    print(cluster.scheduler_address, *(nanny.pid for nanny in cluster.workers.values()), flush=True)
    sys.stdin.read()
"""


def test_a_worker_of_a_cluster_that_is_killed_is_made_up_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setenv("TRACE", str(tmp_path / "trace"))
    monkeypatch.setenv("PAUSE", "0.05")
    monkeypatch.setenv("PYTHONPATH", ROOT)
    (tmp_path / "cluster.py").write_text(CLUSTER)
    cluster = subprocess.Popen(
        [sys.executable, str(tmp_path / "cluster.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert cluster.stdin is not None
    assert cluster.stdout is not None
    address, worker, _ = cluster.stdout.readline().split()

    def kill(done: int, total: int) -> None:
        if done == 5:
            os.kill(int(worker), signal.SIGKILL)

    measure, points = counted_worlds.measure, counted_worlds.POINTS
    try:
        rows = sweep(measure, points, seed=7, dask=address, progress=kill)
    finally:
        cluster.stdin.close()
        cluster.stdout.close()
        with suppress(subprocess.TimeoutExpired):
            cluster.wait(timeout=20)
        cluster.kill()
        cluster.wait()
    assert rows == sweep(measure, points, seed=7)


def test_a_scheduler_that_is_gone_is_an_error() -> None:
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
        ) as cluster,
        pytest.raises(InputError, match=r"the Dask scheduler at .* gave up, for it has gone"),
        parallel(-1, cluster.scheduler_address),
    ):
        raise CancelledError  # what every task becomes then
