"""Images that carry the key of the data they were drawn from."""

import io
from pathlib import Path

from matplotlib.figure import Figure
from PIL import Image

from paper_figures.record import Record
from theory.whole_file import write_whole

PNG, PDF = ".png", ".pdf"


def save_image(figure: Figure, record: Record, stem: Path) -> tuple[Path, ...]:
    """Write PDF and PNG of a figure drawn from ``record``.

    Neither holds a date, so that the same data give the same file.
    """
    mark = mark_of(record)
    written: list[Path] = []
    for suffix, metadata in (
        (PDF, {"Title": record.name, "Keywords": mark, "CreationDate": None}),
        (PNG, {"Title": record.name, "Description": mark}),
    ):
        buffer = io.BytesIO()
        figure.savefig(buffer, format=suffix[1:], metadata=metadata)
        path = stem.with_suffix(suffix)
        write_whole(path, buffer.getvalue())
        written.append(path)
    return tuple(written)


def is_current(record: Record, stem: Path) -> bool:
    """Whether both images are there and were drawn from exactly this record."""
    png, pdf = stem.with_suffix(PNG), stem.with_suffix(PDF)
    if not (png.is_file() and pdf.is_file()):
        return False
    mark = mark_of(record)
    try:
        with Image.open(png) as image:
            return image.info.get("Description") == mark and mark.encode() in pdf.read_bytes()
    except OSError:
        return False


def mark_of(record: Record) -> str:
    """Key of the inputs and digest of the data, as written into an image."""
    return f"layercard {record.key} {record.digest}"
