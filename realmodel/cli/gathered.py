"""Options that several commands share, each group gathered into one object."""

import functools
import inspect
from collections.abc import Callable
from typing import Any


def gathered(**makers: Callable[..., Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options of these functions in place of the parameters that they make.

    Examples
    --------
    >>> def span(first: int = 0, last: int = 9) -> range:
    ...     return range(first, last + 1)
    >>> @gathered(layers=span)
    ... def show(layers: range) -> None:
    ...     print(list(layers))
    >>> show(last=2)
    [0, 1, 2]
    """
    options = {name: inspect.signature(make).parameters for name, make in makers.items()}

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = inspect.signature(command).parameters

        @functools.wraps(command)
        def call(**arguments: Any) -> None:
            for name, make in makers.items():
                given = {key: arguments.pop(key) for key in options[name] if key in arguments}
                arguments[name] = make(**given)
            command(**arguments)

        parameters = [parameter for name, parameter in own.items() if name not in makers]
        parameters += [parameter for group in options.values() for parameter in group.values()]
        # Typer reads both.
        vars(call)["__signature__"] = inspect.Signature(parameters)
        call.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return call

    return decorate
