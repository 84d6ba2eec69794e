"""The one way in: a file, a folder or a hub data set, its format found by content, examples out."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import ModuleType

import numpy as np

from realmodel.datasets import columnar, dart, delimited, e2e, folder, hub, jsonl, schema, webnlg
from realmodel.datasets.document import Document, opened, reason, shown
from realmodel.datasets.example import Example
from realmodel.datasets.options import ReadOptions
from realmodel.datasets.references import with_references
from theory import InputError
from theory.whole_numbers import whole_number

# Releases make examples themselves; tables have columns, and a schema is found in each row.
# E2E last: "||" may also occur inside JSON text.
FORMATS: dict[str, ModuleType] = {
    "webnlg": webnlg,
    "dart": dart,
    "jsonl": jsonl,
    "csv": delimited,
    "e2e": e2e,
}


def read_examples(
    source: str | Path,
    *,
    num_samples: int | None = None,
    at_most: int | None = None,
    seed: int = 0,
    format: str | None = None,
    options: ReadOptions | None = None,
    tell: Callable[[str], None] | None = None,
) -> tuple[Example, ...]:
    r"""Read a data set as prompt and completion.

    Parameters
    ----------
    source : str or Path
        A file (E2E lines or CSV, WebNLG JSON, DART JSON, JSON lines, a JSON array, CSV, TSV, plain
        or gzip; Parquet or Arrow), a folder of such files, or the name of a hub data set.
    num_samples : int, optional
        Draw this many examples without replacement and keep file order; all when None.
    at_most : int, optional
        The same, but all of them when there are fewer.
    seed : int
        Seed of the draw.
    format : str, optional
        One of ``FORMATS``; found by content when None.
    options : ReadOptions, optional
        Columns, split, and what is trained.
    tell : callable, optional
        Told which columns are read, and of a chat template without use.

    Returns
    -------
    tuple of Example
        With ``references`` gathered over the whole file, also of examples not drawn.

    Raises
    ------
    InputError
        When the file is missing, empty or damaged, its format or schema is unknown, a row lacks
        its completion, or it has fewer examples than asked for.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder, "task.txt")
    ...     _ = file.write_text("name : Aromi||Aromi is a pub.\nname : Aromi||A pub, Aromi.\n")
    ...     first, second = read_examples(file)
    >>> first.prompt, second.completion, first.references
    ('name : Aromi\n', 'A pub, Aromi.', ('Aromi is a pub.', 'A pub, Aromi.'))
    """
    _check_kinds(source, options)
    if num_samples is not None:
        num_samples = whole_number(num_samples, "num_samples", 1)
    if at_most is not None:
        at_most = whole_number(at_most, "at_most", 1)
    seed = whole_number(seed, "seed", 0)
    examples = with_references(load(str(source), format, options or ReadOptions(), tell))
    if not examples:
        raise InputError(f"data {str(source)!r} has no examples")
    template = options and options.chat_template
    if tell and template and all(example.conversation is None for example in examples):
        tell(f"{source}: no example is a conversation, so that the chat template is not used")
    if num_samples is not None and num_samples > len(examples):
        raise InputError(
            f"{num_samples} samples asked of {str(source)!r}, which has {len(examples)} examples; "
            f"ask for 1 to {len(examples)}"
        )
    count = num_samples if num_samples is not None else at_most
    return examples if count is None or count >= len(examples) else drawn(examples, count, seed)


def _check_kinds(source: object, options: object) -> None:
    if not isinstance(source, str | Path) or not isinstance(options, ReadOptions | None):
        raise InputError(
            f"expected a path or a name, and ReadOptions; got {source!r:.80} and {options!r:.80}"
        )


def drawn(examples: Sequence[Example], count: int, seed: int) -> tuple[Example, ...]:
    """``count`` examples without replacement, in file order."""
    chosen = np.random.default_rng(seed).choice(len(examples), size=count, replace=False)
    return tuple(examples[index] for index in np.sort(chosen))


def load(
    source: str, format: str | None, options: ReadOptions, tell: Callable[[str], None] | None
) -> Iterable[Example]:
    """All examples of a file, a folder or a hub data set."""
    path = Path(source)
    try:
        is_folder, exists = path.is_dir(), path.exists()
    except (OSError, ValueError) as error:  # a name too long, or with a NUL
        raise InputError(f"cannot read data {shown(source)}: {reason(error)}") from None
    if is_folder:
        for file in folder.data_files(path, options.split):
            yield from of_file(file, format, options, tell)
    elif not exists and format is None and hub.recognises(source):
        yield from schema.examples(hub.table(source, options), options, tell)
    else:
        yield from of_file(path, format, options, tell, alone=True)


def of_file(
    path: Path,
    format: str | None,
    options: ReadOptions,
    tell: Callable[[str], None] | None,
    *,
    alone: bool = False,
) -> Iterable[Example]:
    """All examples of one file, which ``alone`` is no split of anything."""
    with opened(path) as stream:
        if columnar.recognises(stream):
            whole(path, options, alone=alone)
            return schema.examples(columnar.table(path, stream), options, tell)
        document = Document.of_bytes(path, stream.read())
    whole(path, options, alone=alone and not jsonl.lists_in(document.json))
    module = reader(document, format, options)
    if hasattr(module, "table"):
        return schema.examples(module.table(document, options), options, tell)
    return module.parse(document)


def whole(path: Path, options: ReadOptions, *, alone: bool) -> None:
    """Refuse a split or a subset of a file that has none, which would be read whole instead."""
    for name, given in (("split", options.split), ("subset", options.subset)):
        if alone and given is not None:
            raise InputError(
                f"data file {str(path)!r} has no {name} {given!r}, it is one file: leave the "
                f"{name} out, or give a folder or a hub data set that has it"
            )


def reader(document: Document, format: str | None, options: ReadOptions) -> ModuleType:
    """The format's module, named or found by content."""
    known = ", ".join(FORMATS)
    if format is not None:
        if format not in FORMATS:
            raise InputError(f"unknown data format {format!r}; known formats: {known}")
        if not FORMATS[format].recognises(document):
            raise InputError(f"data file {str(document.path)!r} does not look like {format}")
        return FORMATS[format]
    for module in FORMATS.values():
        # Columns that the user names are columns of a table.
        if (hasattr(module, "table") or not options.names_columns) and module.recognises(document):
            if module is delimited and e2e.is_csv(document) and not options.names_columns:
                continue
            return module
    start = document.lines[0][1][:60]
    raise InputError(
        f"cannot tell the format of {str(document.path)!r}, which starts with {start!r}; give "
        f"JSON lines, a JSON array, CSV or TSV with a header ({schema.WANTED}), Parquet, Arrow, or "
        "a file of E2E, WebNLG or DART"
    )
