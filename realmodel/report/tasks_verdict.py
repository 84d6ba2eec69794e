"""A choice for several tasks in words."""

from typing import TYPE_CHECKING

from realmodel.report.level import share
from realmodel.report.verdict import Verdict, named
from realmodel.runs.numbers import number

if TYPE_CHECKING:
    from realmodel.placement.place_tasks import SharedChoice, TaskShare


def tasks_verdict(choice: "SharedChoice") -> Verdict:
    """Put a choice for several tasks into words; shares are of the gain of all layers.

    They are on the level of the cards' pilots, where there are any; what is certified is the
    model's own.
    """
    combined = share(choice.expected_share, 1.0)
    each = "on average" if choice.combine == "mean" else "or more on every task"
    word = "mean share" if choice.combine == "mean" else "worst share"
    certified = (
        f"no layers within the budget have a larger {word} in this model (0% behind, proved)"
        if choice.gap <= 1e-9
        else f"the {word} is within {share(choice.gap, 1.0)} of the largest possible in this model"
    )
    rows = [
        *((f"task {at}", _task(task)) for at, task in enumerate(choice.tasks, 1)),
        ("certified", certified),
        ("valid for", f"the {choice.predictor_title}"),
    ]
    headline = f"Adapt {named(choice.layers)} for {combined} of the gain of all layers {each}."
    return Verdict(choice.layers, headline, tuple(rows), choice.warnings)


def _task(task: "TaskShare") -> str:
    spread = "" if task.gain_error is None else f" ± {share(1.96 * task.gain_error, task.whole)}"
    level = ""
    if (found := task.forecast) is not None:
        spread = ""
        level = (
            f", so {number(found.gain)} ({number(found.low)} to {number(found.high)} in four cases "
            "of five)"
        )
    return (
        f"{share(task.expected_share, 1.0)}{spread} of {number(task.expected_whole)} nats per "
        f"token that all layers gain on {task.source}{level}; "
        f"{share(task.costs['time_share'], 1.0)} of their time and "
        f"{share(task.costs['memory_share'], 1.0)} of their memory a step"
    )
