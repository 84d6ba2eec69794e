"""From a placement (layers or module names) to the modules that get an adapter."""

from collections.abc import Sequence

from realmodel.model.modules import AdaptedModule, ModuleTable
from theory import InputError


def target_modules(
    table: ModuleTable,
    *,
    layers: Sequence[int] | None = None,
    names: Sequence[str] | None = None,
) -> tuple[AdaptedModule, ...]:
    """The modules of a placement, in the model's order.

    Parameters
    ----------
    table : ModuleTable
        Of the model.
    layers : sequence of int, optional
        Every module of these layers; all layers when neither argument is given.
    names : sequence of str, optional
        Full module names; excludes ``layers``.

    Raises
    ------
    InputError
        For both arguments at once, an empty placement, a layer out of range, an unknown or
        repeated entry.
    """
    if layers is not None and names is not None:
        raise InputError("give layers or module names, not both")
    if names is not None:
        refuse_repeats("module", names)
        by_name = {module.name: module for module in table.modules}
        for name in names:
            if name not in by_name:
                reason = table.excluded.get(name)
                hint = (
                    f"it is excluded: {reason}" if reason else f"for example {next(iter(by_name))}"
                )
                raise InputError(f"the model has no module {name!r} to adapt; {hint}")
        chosen = set(names)
        found = tuple(module for module in table.modules if module.name in chosen)
    elif layers is not None:
        refuse_repeats("layer", layers)
        present = sorted({module.layer for module in table.modules})
        for layer in layers:
            if layer not in present:
                raise InputError(
                    f"layer {layer} is out of range: the model has layers "
                    f"{present[0]} to {present[-1]}"
                )
        found = tuple(module for module in table.modules if module.layer in set(layers))
    else:
        found = table.modules
    if not found:
        raise InputError("the placement is empty: name at least one layer or module")
    return found


def refuse_repeats(kind: str, values: Sequence[int] | Sequence[str]) -> None:
    """Raise when an entry of the placement appears twice."""
    for position, value in enumerate(values):
        if value in values[:position]:
            raise InputError(f"{kind} {value!r} appears twice in the placement")
