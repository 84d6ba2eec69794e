"""Resume, damaged files, full disks."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from realmodel.measure.gauss_newton import exact, gauss_newton, select_directions
from realmodel.measure.measurement import Measurement
from realmodel.measure.one_pass import one_pass
from realmodel.measure.pass_options import PassOptions
from realmodel.model.batches import EncodedExample
from realmodel.model.checkpoint import Checkpoint
from realmodel.model.lora_protocol import FinetuneOptions
from realmodel.model.modules import find_modules
from realmodel.runs.tensor_file import TensorFile, write_tensors
from theory import InputError


class KilledError(Exception):
    pass


def collect(model: Any, encoded: Any, folder: Any, stop: int | None = None, **more: Any) -> Any:
    def progress(done: int, _: int) -> None:
        if done == stop:
            raise KilledError

    return one_pass(
        model,
        encoded,
        find_modules(model),
        PassOptions(batch_size=2, tangent_samples=7, partitions=2),
        protocol=FinetuneOptions(rank=2),
        groups=2,
        work_dir=folder,
        progress=progress,
        **{"save_every": 1, **more},
    )


def check_identical(ours: Any, other: Any) -> None:
    assert set(ours.sums) == set(other.sums)
    for name, tensor in ours.sums.items():
        assert torch.equal(tensor, other.sums[name]), name
    assert ours.manifest() == other.manifest()


def test_stopped_runs_continue_bit_identically(make: Any, encoded: Any, tmp_path: Path) -> None:
    """Stop at 20 random points, between saves too, several times per run."""
    model = make("gpt2").float()
    whole = collect(model, encoded, None)
    batches = 2 * 6
    draw = random.Random(0)
    points = 0
    while points < 20:
        folder, save_every = tmp_path / str(points), draw.choice([1, 2, 5])
        for stop in sorted(draw.sample(range(1, batches + 1), 4)):
            with pytest.raises(KilledError):
                collect(model, encoded, folder, stop, save_every=save_every)
            points += 1
        check_identical(collect(model, encoded, folder, save_every=save_every), whole)
    with pytest.raises(AssertionError):
        check_identical(collect(model, encoded, None, seed=1), whole)


KILLED = """
import sys, time
sys.path.insert(0, {tests!r})
from parity import build
from realmodel.model.modules import find_modules
from realmodel.model.batches import EncodedExample
from realmodel.measure.one_pass import one_pass
from realmodel.measure.pass_options import PassOptions
encoded = [EncodedExample((i % 13, 2, 3, 4), (-100, 2, 3, 4), "") for i in range(40)]
model = build("gpt2").float()
print("ready", flush=True)
one_pass(
    model, encoded, find_modules(model), PassOptions(batch_size=1), groups=2, work_dir={folder!r},
    save_every=1, progress=lambda done, total: (print(done, flush=True), time.sleep(0.002)),
)
"""


def test_a_killed_process_leaves_a_file_that_continues(tmp_path: Path, make: Any) -> None:
    """SIGKILL, wherever it strikes, then the same run to the end."""
    folder = tmp_path / "work"
    script = KILLED.format(tests=str(Path(__file__).parents[1]), folder=str(folder))
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    assert process.stdout is not None
    while process.stdout.readline().strip() != "7":
        assert process.poll() is None
    time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    encoded = [EncodedExample((i % 13, 2, 3, 4), (-100, 2, 3, 4), "") for i in range(40)]
    model = make("gpt2").float()
    table = find_modules(model)
    alone = PassOptions(batch_size=1)
    seen: list[int] = []
    resumed = one_pass(
        model, encoded, table, alone, groups=2, work_dir=folder,
        progress=lambda i, _: seen.append(i),
    )  # fmt: skip
    assert 7 <= seen[0] <= 40
    assert not list(folder.rglob("*.tmp")) or seen[0] > 7
    check_identical(resumed, one_pass(model, encoded, table, alone, groups=2))


def test_gauss_newton_continues_bit_identically(make: Any, encoded: Any, tmp_path: Path) -> None:
    model = make("gpt2").float()
    table = find_modules(model)
    chosen = select_directions(one_pass(model, encoded, table, groups=2), directions=1)

    def run(folder: Any, stop: int | None = None) -> Any:
        def progress(done: int, _: int) -> None:
            if done == stop:
                raise KilledError

        return gauss_newton(
            model, encoded, table, chosen, batch_size=1, groups=2, work_dir=folder, save_every=1,
            progress=progress,
        )  # fmt: skip

    for stop in (2, 7):
        with pytest.raises(KilledError):
            run(tmp_path, stop)
    resumed, whole = run(tmp_path), run(None)
    np.testing.assert_array_equal(resumed.curvature_sums, whole.curvature_sums)
    np.testing.assert_array_equal(resumed.gradient_sums, whole.gradient_sums)


def test_another_arithmetic_or_version_does_not_continue(
    make: Any, encoded: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The digest of a folder is that of its files, whatever they are loaded as."""
    kinds = {"float32": make("gpt2").float(), "float64": make("gpt2").double()}
    loaded = {
        name: Checkpoint(model, None, "here", "sha256:0", "gpt2", name)
        for name, model in kinds.items()
    }
    table = find_modules(kinds["float32"])
    chosen = select_directions(one_pass(loaded["float32"], encoded, table, groups=2), directions=1)

    def run(name: str) -> Any:
        return gauss_newton(loaded[name], encoded, table, chosen, groups=2, work_dir=tmp_path)

    run("float32")
    with pytest.raises(InputError, match="a run with another dtype"):
        run("float64")
    monkeypatch.setattr(exact, "version", lambda _: "another")
    with pytest.raises(InputError, match="a run with another layercard"):
        run("float32")


def test_a_work_folder_of_another_run_is_refused(make: Any, encoded: Any, tmp_path: Path) -> None:
    collect(make("gpt2"), encoded, tmp_path)
    with pytest.raises(InputError, match="a run with another part"):
        collect(make("gpt2"), encoded[1:], tmp_path)
    with pytest.raises(InputError, match="a run with another options"):
        collect(make("gpt2"), encoded, tmp_path, seed=3)
    changed = make("gpt2")
    changed.transformer.h[0].ln_1.bias.data[0] = 1.0
    with pytest.raises(InputError, match="a run with another model"):
        collect(changed, encoded, tmp_path)


def test_a_measurement_round_trips_and_refuse_another_model(
    make: Any, encoded: Any, tmp_path: Path
) -> None:
    ours = collect(make("llama"), encoded, None)
    ours.save(tmp_path / "measurement.safetensors")
    again = Measurement.load(tmp_path / "measurement.safetensors", model=ours.model)
    check_identical(again, ours)
    with pytest.raises(InputError, match="not from sha256:0"):
        Measurement.load(tmp_path / "measurement.safetensors", model="sha256:0")
    with pytest.raises(InputError, match="does not exist"):
        Measurement.load(tmp_path / "absent.safetensors")


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "sums.safetensors"
    write_tensors(path, {"a": torch.arange(100.0)}, {"format": 1})
    whole = path.read_bytes()
    for size in (0, 4, 40, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(InputError, match="truncated or corrupt"):
            TensorFile(path)
    start = whole.index(b'"format')
    for place in (len(whole) - 3, start + 11, start + 12):  # a value, the manifest, its syntax
        damaged = bytearray(whole)
        damaged[place] ^= 1
        path.write_bytes(bytes(damaged))
        with pytest.raises(InputError, match=r"corrupt|is not a manifest"):
            TensorFile(path)
    path.write_bytes(whole)
    assert TensorFile(path)["a"].sum() == 4950
    with pytest.raises(InputError, match="not a measurement of format 2"):
        Measurement.load(path)
    save_file({"a": torch.ones(1)}, tmp_path / "foreign.safetensors")
    with pytest.raises(InputError, match="has no manifest"):
        TensorFile(tmp_path / "foreign.safetensors")


def test_full_disk(make: Any, encoded: Any, tmp_path: Path) -> None:
    """On a tmpfs of 64 KiB: a clear error, the old file whole, nothing half written."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip(f"a tmpfs cannot be mounted here: {mounted.stderr.decode().strip()}")
    try:
        path = folder / "sums.safetensors"
        write_tensors(path, {"a": torch.ones(10)}, {})
        with pytest.raises(InputError, match=r"cannot be written .* it needs 0.8 MB of free space"):
            write_tensors(path, {"a": torch.ones(200_000)}, {})
        assert [entry.name for entry in folder.iterdir()] == ["sums.safetensors"]
        assert TensorFile(path)["a"].sum() == 10
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        write_tensors(tmp_path / "file" / "sums.safetensors", {"a": torch.ones(1)}, {})
