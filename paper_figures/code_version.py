"""The version of a module's code: a hash over every first-party source that it can reach."""

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("theory", "simulate", "realmodel", "paper_figures")


@cache
def code_version(module: str, root: Path = ROOT) -> str:
    """SHA-256 over the sources of ``module`` and of all first-party modules that it imports.

    Imports are read from the syntax tree, so that those inside functions count too. Importing a
    package counts all its modules, since packages here discover their members at run time.

    Parameters
    ----------
    module : str
        Dotted name, for example ``"simulate.style"``.
    root : Path
        Folder that holds the packages.

    Raises
    ------
    ModuleNotFoundError
        If ``module`` is not one of the four packages' modules.

    Examples
    --------
    >>> len(code_version("theory.errors"))
    64
    """
    if not (waiting := list(_files(module, root))):
        raise ModuleNotFoundError(f"{module!r} is not a module under {root}")
    seen: dict[Path, bytes] = {}
    while waiting:
        path = waiting.pop()
        if path not in seen:
            seen[path] = path.read_bytes()
            waiting.extend(file for name in _imports(path, root) for file in _files(name, root))
    digest = hashlib.sha256()
    for path in sorted(seen):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + seen[path] + b"\0")
    return digest.hexdigest()


def _files(name: str, root: Path) -> Iterator[Path]:
    """Source files of a dotted name; none when it is not first-party or not a module."""
    if name.split(".")[0] not in PACKAGES:
        return
    path = root.joinpath(*name.split("."))
    if path.with_suffix(".py").is_file():
        yield path.with_suffix(".py")
    elif (path / "__init__.py").is_file():
        yield from path.rglob("*.py")


def _imports(path: Path, root: Path) -> Iterator[str]:
    """Dotted names that the file at ``path`` imports, submodules rather than packages."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = path.relative_to(root).parent.parts
                above = parents[: len(parents) - node.level + 1]
                base = ".".join((*above, *filter(None, [node.module])))
            for alias in node.names:
                member = f"{base}.{alias.name}"
                yield member if any(_files(member, root)) else base
