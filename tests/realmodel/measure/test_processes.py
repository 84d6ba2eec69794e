"""Two processes of torchrun against one."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

from realmodel.finetuning import FinetuneOptions
from realmodel.measure.gauss_newton import GaussNewton, gauss_newton, select_directions
from realmodel.measure.measurement import Measurement
from realmodel.measure.one_pass import one_pass
from realmodel.measure.pass_options import PassOptions
from realmodel.model.modules import find_modules

SCRIPT = """
import sys
sys.path.insert(0, {tests!r})
from parity import build
from realmodel.model.modules import find_modules
from realmodel.model.batches import EncodedExample
from realmodel.measure.gauss_newton import gauss_newton, select_directions
from realmodel.finetuning import FinetuneOptions
from realmodel.measure.one_pass import one_pass
from realmodel.measure.pass_options import PassOptions
from realmodel.runs import processes

encoded = {encoded}
model = build("gpt2")
table = find_modules(model)
with processes.joined():
    rank, world = processes.place()
    assert world == 2
    statistics = one_pass(
        model, encoded, table,
        PassOptions(batch_size=2, tangent_samples=9, partitions=2, offload="disk"),
        protocol=FinetuneOptions(rank=2), groups=2, work_dir={folder!r},
    )
    chosen = select_directions(statistics, directions=1)
    measured = gauss_newton(model, encoded, table, chosen, batch_size=2, groups=2)
    gain = statistics.tangent()
    gains = [gain.value(layers) for layers in {sets}]
if rank == 1:
    statistics.save({folder!r} + "/statistics.safetensors")
    measured.save({folder!r} + "/measured.safetensors")
    print(gains)
"""

SETS = [(0,), (1,), (0, 1)]


def test_two_processes_equal_one(make: Any, encoded: Any, tmp_path: Path) -> None:
    script = tmp_path / "run.py"
    text = repr(list(encoded))
    script.write_text(
        SCRIPT.format(
            tests=str(Path(__file__).parents[1]), folder=str(tmp_path), encoded=text, sets=SETS
        )
    )
    root = Path(__file__).parents[3]
    command = [sys.executable, "-W", "ignore", "-m", "torch.distributed.run"]
    command += ["--standalone", "--nproc-per-node", "2", str(script)]
    environment = {"PYTHONPATH": str(root), "OMP_NUM_THREADS": "1", "PATH": "/usr/bin:/bin"}
    run = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-2000:]
    ours = Measurement.load(tmp_path / "statistics.safetensors")
    model = make("gpt2")
    table = find_modules(model)
    one = one_pass(
        model, encoded, table, PassOptions(batch_size=2, tangent_samples=9, partitions=2),
        protocol=FinetuneOptions(rank=2), groups=2,
    )  # fmt: skip
    assert ours.group_tokens == one.group_tokens
    assert ours.positions == one.positions
    for name in one.sums:
        a, b = ours.sums[name].double(), one.sums[name].double()
        assert float(torch.linalg.norm(a - b)) <= 1e-6 * float(torch.linalg.norm(b)), name
    measured = GaussNewton.load(tmp_path / "measured.safetensors")
    alone = gauss_newton(
        model, encoded, table, select_directions(one, directions=1), batch_size=2, groups=2
    )
    # Singular vectors have no sign of their own.
    for a, b in (
        (measured.quadratic.gradient, alone.quadratic.gradient),
        (measured.quadratic.curvature, alone.quadratic.curvature),
    ):
        np.testing.assert_allclose(np.abs(a), np.abs(b), rtol=1e-6, atol=1e-8 * np.abs(b).max())
    gain = one.tangent()
    np.testing.assert_allclose(
        json.loads(run.stdout.splitlines()[-1]), [gain.value(s) for s in SETS], rtol=1e-4
    )
