"""What the scores look at, measured once and kept, with the time that it took."""

import time
from pathlib import Path

from realmodel.evidence.baselines import Context
from realmodel.evidence.options import CompareOptions
from realmodel.evidence.run_store import read_object
from realmodel.evidence.task import Task
from realmodel.measure.attention import attention
from realmodel.measure.gauss_newton import GaussNewton, gauss_newton, select_directions
from realmodel.measure.measurement import Measurement
from realmodel.measure.one_pass import one_pass
from realmodel.model.checkpoint import Checkpoint
from realmodel.model.modules import ModuleTable
from theory.whole_file import write_json


def measure(
    checkpoint: Checkpoint, task: Task, table: ModuleTable, options: CompareOptions, folder: Path
) -> tuple[Context, dict[str, float]]:
    """Statistics and the Gauss-Newton model of the training sequences.

    Returns
    -------
    context : Context
        For the scores.
    seconds : dict of str to float
        Wall time of "statistics" and "quadratic", as measured when they were taken.
    """
    statistics_path = folder / "statistics.safetensors"
    name = f"gauss-newton-{options.directions}-{options.curvature_samples}"
    quadratic_path = folder / f"{name}.safetensors"
    times_path = folder / f"{name}.seconds.json"
    seconds = read_object(times_path) if times_path.exists() else {}
    if statistics_path.exists() and "statistics" in seconds:
        statistics = Measurement.load(statistics_path, model=checkpoint.digest)
    else:
        start = time.perf_counter()
        statistics = one_pass(checkpoint, task.training, table, seed=options.seed)
        seconds = {"statistics": time.perf_counter() - start}
        statistics.save(statistics_path)
        write_json(times_path, seconds)
    if quadratic_path.exists() and "quadratic" in seconds:
        quadratic = GaussNewton.load(quadratic_path, model=checkpoint.digest)
    else:
        start = time.perf_counter()
        with attention(checkpoint.model, "eager"):
            quadratic = gauss_newton(
                checkpoint,
                task.training,
                table,
                select_directions(statistics, k=options.directions),
                curvature_sequences=min(options.curvature_samples, len(task.training) // 2),
            )
        seconds["quadratic"] = time.perf_counter() - start
        quadratic.save(quadratic_path)
        write_json(times_path, seconds)
    context = Context(
        checkpoint=checkpoint,
        statistics=statistics,
        quadratic=quadratic.damped(options.damping).by_layer(),
        encoded=task.training,
        protocol=options.finetune,
        seed=options.seed,
    )
    return context, {key: float(value) for key, value in seconds.items()}
