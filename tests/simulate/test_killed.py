"""Workers end with their parent, and a cluster that loses parts ends in numbers or in an error."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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


CLUSTER = """
import signal, sys
from distributed import LocalCluster
if __name__ == "__main__":
    options = dict(threads_per_worker=1, protocol="tcp", dashboard_address=":0")
    cluster = LocalCluster(n_workers=2, processes=True, **options)
    print(cluster.scheduler_address, *(nanny.pid for nanny in cluster.workers.values()), flush=True)
    sys.stdin.read()
"""


@dataclass
class Cluster:
    """A scheduler in a process of its own, and two workers in theirs."""

    scheduler: subprocess.Popen[str]
    address: str
    workers: list[int]

    def numbers(self, kill: int, **more: Any) -> list[dict[str, Any]]:
        """The rows of a sweep during which a process is killed."""

        def progress(done: int, total: int) -> None:
            if done == 2:
                os.kill(kill, signal.SIGKILL)

        measure, points = counted_worlds.measure, counted_worlds.POINTS
        return sweep(measure, points, seed=7, dask=self.address, progress=progress, **more)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    pytest.importorskip("distributed")
    home = tmp_path_factory.mktemp("cluster")
    (home / "cluster.py").write_text(CLUSTER)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRACE", str(home / "trace"))
        patch.setenv("PAUSE", "0.1")
        patch.setenv("PYTHONPATH", ROOT)
        process = subprocess.Popen(
            [sys.executable, str(home / "cluster.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        address, *workers = process.stdout.readline().split()
        made = Cluster(process, address, [int(worker) for worker in workers])
        yield made
        process.stdin.close()
        process.stdout.close()
        process.kill()
        process.wait()
        for worker in made.workers:
            with suppress(OSError):
                os.kill(worker, signal.SIGKILL)


@pytest.fixture(scope="module")
def alone(cluster: Cluster) -> list[dict[str, Any]]:
    """The same sweep in this process."""
    return sweep(counted_worlds.measure, counted_worlds.POINTS, seed=7)


def test_a_worker_of_a_cluster_that_is_killed_is_made_up_for(
    cluster: Cluster, alone: list[dict[str, Any]]
) -> None:
    assert cluster.numbers(cluster.workers[0]) == alone


def test_a_scheduler_that_is_killed_is_an_error_and_what_is_finished_is_kept(
    cluster: Cluster, alone: list[dict[str, Any]], tmp_path: Path
) -> None:
    journal = tmp_path / "journal"
    with pytest.raises(InputError, match=r"the Dask scheduler at .* gave up, for it has gone"):
        cluster.numbers(cluster.scheduler.pid, journal=journal)
    finished = len(journal.read_text().splitlines())
    assert 2 <= finished < len(alone)
    assert sweep(counted_worlds.measure, counted_worlds.POINTS, seed=7, journal=journal) == alone
