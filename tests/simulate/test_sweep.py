import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from simulate.journal import Journal
from simulate.linear_gaussian import linear_gaussian_world
from simulate.sweep import sweep
from theory import InputError

SCRIPT = Path(__file__).with_name("counted_worlds.py")
ROOT = Path(__file__).parents[2]


def gain(point, rng):
    world = linear_gaussian_world(rng, layers=4, dimension=2, strength=point["strength"])
    return [{**point, "gain": world.quadratic.gain()}]


POINTS = [{"strength": index / 20} for index in range(12)]


def start(journal, trace, *, workers, pause):
    environment = {
        **os.environ,
        "TRACE": str(trace),
        "PAUSE": str(pause),
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join([str(SCRIPT.parent), str(ROOT)]),
    }
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), str(journal), str(workers)],
        env=environment,
        start_new_session=True,
    )


def finished_points(journal):
    if not journal.exists():
        return []
    whole = journal.read_bytes().rpartition(b"\n")[0].splitlines()
    return [json.loads(line)["point"] for line in whole[1:]]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_killed_sweep_resumes_without_losing_or_repeating_a_finished_point(tmp_path, workers):
    journal, trace = tmp_path / "sweep.jsonl", tmp_path / "trace"
    for kill_after in (3, 15):
        process = start(journal, trace, workers=workers, pause=0.05)
        deadline = time.monotonic() + 120
        while len(finished_points(journal)) < kill_after:
            assert process.poll() is None, "the sweep ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.005)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    kept = finished_points(journal)
    assert 15 <= len(kept) < 40
    assert len(set(kept)) == len(kept)
    before = len(trace.read_text().split())  # with points that a kill caught unfinished

    assert start(journal, trace, workers=workers, pause=0).wait(timeout=120) == 0
    assert finished_points(journal)[: len(kept)] == kept
    assert sorted(finished_points(journal)) == list(range(40))
    computed = trace.read_text().split()[before:]
    assert len(computed) == 40 - len(kept)
    assert not {str(point / 50) for point in kept} & set(computed)

    whole, untouched = tmp_path / "whole.jsonl", tmp_path / "other-trace"
    assert start(whole, untouched, workers=1, pause=0).wait(timeout=120) == 0
    assert sorted(journal.read_bytes().splitlines()) == sorted(whole.read_bytes().splitlines())


def test_the_number_of_workers_does_not_change_a_bit():
    alone = sweep(gain, POINTS, seed=1, workers=1)
    assert sweep(gain, POINTS, seed=1, workers=2) == alone
    assert sweep(gain, POINTS, seed=2, workers=1) != alone


def test_a_point_keeps_its_numbers_when_others_are_added():
    assert sweep(gain, POINTS[:3], seed=1) == sweep(gain, POINTS, seed=1)[:3]


def test_progress_counts_what_is_finished(tmp_path):
    seen = []
    for points in (POINTS, POINTS):
        sweep(
            gain,
            points,
            seed=1,
            journal=tmp_path / "journal",
            progress=lambda done, total: seen.append((done, total)),
        )
    assert seen == [(done, 12) for done in range(13)] + [(12, 12)]


def test_a_line_cut_short_by_a_kill_is_computed_again(tmp_path):
    path = tmp_path / "journal"
    rows = sweep(gain, POINTS, seed=1, journal=path)
    path.write_bytes(path.read_bytes()[:-9])
    assert sweep(gain, POINTS, seed=1, journal=path) == rows
    assert len(path.read_bytes().splitlines()) == 13


def test_an_empty_journal_is_begun(tmp_path):
    path = tmp_path / "journal"
    path.touch()
    assert sweep(gain, POINTS, seed=1, journal=path) == sweep(gain, POINTS, seed=1)


@pytest.mark.parametrize("change", ["seed", "points"])
def test_a_journal_of_another_sweep_is_refused(tmp_path, change):
    path = tmp_path / "journal"
    sweep(gain, POINTS, seed=1, journal=path)
    before = path.read_bytes()
    points = POINTS[:-1] if change == "points" else POINTS
    with pytest.raises(InputError, match="holds another sweep"):
        sweep(gain, points, seed=2 if change == "seed" else 1, journal=path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("text", ["nonsense\n", "[1]\n", '{"sweep": 1}\n{"no": 1}\n'])
def test_a_corrupt_journal_is_refused(tmp_path, text):
    path = tmp_path / "journal"
    path.write_text(text)
    with pytest.raises(InputError, match=r"not a sweep's record|another sweep"):
        Journal(path, {"any": "sweep"})
    assert path.read_text() == text


@pytest.mark.parametrize("workers", [0, -2])
def test_workers_are_checked(workers):
    with pytest.raises(InputError, match=f"workers is {workers}"):
        sweep(gain, POINTS, seed=1, workers=workers)


def test_an_address_without_a_scheduler_is_reported():
    with pytest.raises(InputError, match="no Dask scheduler answers at 'nonsense://1'"):
        sweep(gain, POINTS, seed=1, dask="nonsense://1")


def test_journal_values_must_be_json(tmp_path):
    with (
        Journal(tmp_path / "journal", {}) as journal,
        pytest.raises(ValueError, match="not JSON compliant"),
    ):
        journal.add(0, [{"gain": float(np.nan)}])
