"""One computation with everything that it depends on, so that its key can be known before it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from paper_figures.code_version import code_version
from paper_figures.record import fingerprint

Data = dict[str, Any]


@dataclass(frozen=True)
class Step:
    """A function, its options and the steps whose data it takes.

    Parameters
    ----------
    name : str
        Name shown in the progress bar and used for the file.
    function : callable
        Called as ``function(**options, **data of needs)``; returns JSON data.
    options : mapping
        JSON values, passed by keyword.
    digests : mapping
        Digests of the files that the options name (checkpoints, data).
    needs : mapping
        Steps whose data are passed by keyword.
    resumes : bool
        The function also takes ``folder``, where it keeps partial work so that a killed run goes
        on; the folder is removed once the record is saved.

    Examples
    --------
    >>> from paper_figures.record import fingerprint
    >>> first = Step("numbers", fingerprint, {"value": 1})
    >>> first.key == Step("numbers", fingerprint, {"value": 2}).key
    False
    """

    name: str
    function: Callable[..., Data]
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    digests: Mapping[str, str] = field(default_factory=dict[str, str])
    needs: Mapping[str, "Step"] = field(default_factory=dict[str, "Step"])
    resumes: bool = False

    @cached_property
    def inputs(self) -> Data:
        """Everything that the result depends on."""
        return {
            "code": code_version(self.function.__module__),
            "options": dict(self.options),
            "digests": dict(self.digests),
            "needs": {name: step.key for name, step in self.needs.items()},
        }

    @cached_property
    def key(self) -> str:
        """Hash of the name and the inputs."""
        return fingerprint([self.name, self.inputs])
