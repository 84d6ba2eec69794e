"""How far the sums are from float64, measured on a sample and shipped with the result."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from realmodel.measure.statistics.plan import PlannedBatch
from realmodel.measure.statistics.running_sums import RunningSums
from realmodel.model.batches import EncodedExample
from realmodel.model.modules import AdaptedModule

DOUBLE_MODEL_BYTES = 2 * 2**30
"""Larger models are not copied to float64."""


def accuracy_check(
    model: Any, encoded: Sequence[EncodedExample], modules: Sequence[AdaptedModule]
) -> dict[str, Any]:
    """Largest relative Frobenius error of Sigma, Gamma and gradient on a small sample.

    Returns
    -------
    dict
        ``accumulation``: the same activations, products in float64, lowest and highest layer.
        ``arithmetic``: the whole model in float64, or null with a ``reason`` when it is too
        large for a copy.
    """
    layers = (modules[0].layer, modules[-1].layer)
    ends = [module for module in modules if module.layer in layers]
    planned = PlannedBatch(0, tuple(range(min(2, len(encoded)))))

    def sums(of: Any, *, double: bool) -> Mapping[str, torch.Tensor]:
        running = RunningSums(ends, output_moment="empirical", double=double)
        running.add(of, planned.padded(encoded, "right", of.device))
        return running.tensors

    ours = sums(model, double=False)
    record: dict[str, Any] = {
        "sequences": len(planned.indices),
        "accumulation": _errors(ours, sums(model, double=True)),
        "arithmetic": None,
    }
    size = 8 * sum(parameter.numel() for parameter in model.parameters())
    if size > DOUBLE_MODEL_BYTES:
        record["reason"] = f"a float64 copy of the model would take {size / 2**30:.1f} GiB"
    elif getattr(model, "hf_device_map", None):
        record["reason"] = "the model is spread over devices"
    else:
        double = copy.deepcopy(model).double()
        record["arithmetic"] = _errors(ours, sums(double, double=True))
    return record


def _errors(
    ours: Mapping[str, torch.Tensor], exact: Mapping[str, torch.Tensor]
) -> dict[str, float]:
    worst: dict[str, float] = {}
    for name, reference in exact.items():
        quantity = name.partition("/")[0]
        scale = float(reference.norm())
        error = float((ours[name].double() - reference).norm()) / scale if scale else 0.0
        worst[quantity] = max(error, worst.get(quantity, 0.0))
    return worst
