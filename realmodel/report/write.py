"""A card in all its forms, all rendered before the first file appears."""

from pathlib import Path

from realmodel.card.layer_card import LayerCard
from realmodel.report.markdown import markdown
from realmodel.report.page.render import html
from realmodel.report.verdict import recommended
from theory.whole_file import write_whole


def write_card(card: LayerCard, folder: Path) -> tuple[Path, ...]:
    """Write ``card.json`` with its replicates, ``card.md`` and ``card.html``.

    Parameters
    ----------
    card : LayerCard
    folder : Path
        Made if it is not there; files of these names are replaced whole.

    Returns
    -------
    tuple of Path
        ``card.json``, ``card.md``, ``card.html``.

    Raises
    ------
    InputError
        If the folder cannot be written.
    """
    path, choice = folder / "card.json", recommended(card)
    texts = {"card.md": markdown(card, choice), "card.html": html(card, str(path), choice)}
    written = [card.save(path)]
    written += [write_whole(folder / name, text) for name, text in texts.items()]
    return tuple(written)
