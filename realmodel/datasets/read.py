"""The one way in: a file, its format found by content, examples out."""

from pathlib import Path
from types import ModuleType

import numpy as np

from realmodel.datasets import dart, e2e, jsonl, webnlg
from realmodel.datasets.document import Document
from realmodel.datasets.example import Example
from realmodel.datasets.references import with_references
from theory import InputError

# E2E last: "||" may also occur inside JSON text.
FORMATS: dict[str, ModuleType] = {"webnlg": webnlg, "dart": dart, "jsonl": jsonl, "e2e": e2e}


def read_examples(
    path: str | Path,
    *,
    num_samples: int | None = None,
    seed: int = 0,
    format: str | None = None,
) -> tuple[Example, ...]:
    r"""Read a data file as prompt and completion.

    Parameters
    ----------
    path : str or Path
        E2E lines or CSV, WebNLG JSON, DART JSON, or rows of prompt/completion,
        instruction/output or question/answer; plain or gzip.
    num_samples : int, optional
        Draw this many examples without replacement and keep file order; all when None.
    seed : int
        Seed of the draw.
    format : str, optional
        One of ``FORMATS``; found by content when None.

    Returns
    -------
    tuple of Example
        With ``references`` gathered over the whole file, also of examples not drawn.

    Raises
    ------
    InputError
        When the file is missing, empty or damaged, its format is unknown, a line lacks its
        completion, or it has fewer examples than asked for.

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
    document = Document.open(path)
    examples = with_references(reader(document, format).parse(document))
    if not examples:
        raise InputError(f"data file {str(path)!r} has no examples")
    if num_samples is None:
        return examples
    if not 1 <= num_samples <= len(examples):
        raise InputError(
            f"{num_samples} samples asked of {str(path)!r}, which has {len(examples)} examples; "
            f"give --num-samples between 1 and {len(examples)}"
        )
    drawn = np.random.default_rng(seed).choice(len(examples), size=num_samples, replace=False)
    return tuple(examples[index] for index in np.sort(drawn))


def reader(document: Document, format: str | None) -> ModuleType:
    """The format's module, named or found by content."""
    known = ", ".join(FORMATS)
    if format is not None:
        if format not in FORMATS:
            raise InputError(f"unknown data format {format!r}; known formats: {known}")
        if not FORMATS[format].recognises(document):
            raise InputError(f"data file {str(document.path)!r} does not look like {format}")
        return FORMATS[format]
    for module in FORMATS.values():
        if module.recognises(document):
            return module
    start = document.lines[0][1][:60]
    raise InputError(
        f"cannot tell the format of {str(document.path)!r}, which starts with {start!r}; "
        f"known formats: {known}"
    )
