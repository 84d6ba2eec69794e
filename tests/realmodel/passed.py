"""A pass with its options by name, whichever of them are :class:`PassOptions`."""

from dataclasses import fields
from typing import Any

from realmodel.measure.measurement import Measurement
from realmodel.measure.one_pass import one_pass
from realmodel.measure.pass_options import PassOptions


def passed(model: Any, encoded: Any, modules: Any, **given: Any) -> Measurement:
    names = {item.name for item in fields(PassOptions)} & given.keys()
    options = PassOptions(**{name: given.pop(name) for name in names})
    return one_pass(model, encoded, modules, options, **given)
