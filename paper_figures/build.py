"""Build figures and tables into a folder, computing only what is not there."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from paper_figures.artifact import Artifact
from paper_figures.image import is_current, save_image
from paper_figures.preset import Preset
from paper_figures.record import Record
from paper_figures.store import Store
from paper_figures.table import Table
from simulate.style import style
from theory import InputError
from theory.whole_file import write_whole


@dataclass(frozen=True)
class Built:
    """What became of one figure or table: its files, or why it was refused.

    Attributes
    ----------
    name, kind, title : str
        Of the artifact; ``kind`` is "figure" or "table".
    computed : bool
        Whether anything had to be computed for it.
    files : tuple of Path
        What was written.
    refused : str or None
        Why nothing was.
    """

    name: str
    kind: str
    title: str
    computed: bool
    files: tuple[Path, ...]
    refused: str | None = None


def build(
    selected: Sequence[Artifact],
    preset: Preset,
    folder: Path,
    *,
    compute: bool = True,
    started: Callable[[str], None] = lambda name: None,
) -> Iterator[Built]:
    """Build each artifact in turn; one that cannot be built is reported and the rest go on.

    Parameters
    ----------
    selected : sequence of Artifact
        What to build.
    preset : Preset
        On what.
    folder : Path
        Gets ``figures/``, ``tables/`` and ``steps/``.
    compute : bool
        False: draw only from records that are there and current; refuse otherwise.
    started : callable
        Told the name of each computation as it starts.

    Yields
    ------
    Built
        One for each artifact, in order.
    """
    store = Store(folder, seed=preset.seed, compute=compute, started=started)
    for artifact in selected:
        stem = folder / f"{artifact.kind}s" / artifact.name
        try:
            record, computed = store.obtain(artifact.step(preset), stem.with_suffix(".json"))
            files = _show(artifact, record, stem)
        except InputError as error:
            yield Built(artifact.name, artifact.kind, artifact.title, False, (), str(error))
        else:
            yield Built(artifact.name, artifact.kind, artifact.title, computed, files)


def _show(artifact: Artifact, record: Record, stem: Path) -> tuple[Path, ...]:
    """Draw or tabulate; files that are already those of this record are left as they are."""
    data = stem.with_suffix(".json")
    if artifact.kind == "figure":
        if is_current(record, stem):
            return (data, stem.with_suffix(".pdf"), stem.with_suffix(".png"))
        with style():
            figure = artifact.show(record.data)
            assert isinstance(figure, Figure)
            return (data, *save_image(figure, record, stem))
    table = artifact.show(record.data)
    assert isinstance(table, Table)
    forms = {
        ".md": f"{table.caption}\n\n{table.to_markdown()}\n",
        ".csv": table.to_csv(),
        ".tex": table.to_latex(artifact.name),
    }
    for suffix, text in forms.items():
        write_whole(stem.with_suffix(suffix), text.encode())
    return (data, *(stem.with_suffix(suffix) for suffix in forms))
