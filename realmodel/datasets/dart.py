"""DART JSON: ``[{"tripleset": [[s, p, o], ..], "annotations": [{"source": .., "text": ..}]}]``."""

from collections.abc import Iterator

from realmodel.datasets.document import Document
from realmodel.datasets.example import Example
from realmodel.datasets.triples import linearise


def recognises(document: Document) -> bool:
    """Whether the file is one JSON array whose rows have a ``tripleset``."""
    rows = document.json
    return (
        isinstance(rows, list)
        and bool(rows)
        and isinstance(rows[0], dict)
        and "tripleset" in rows[0]
    )


def parse(document: Document) -> Iterator[Example]:
    """One example per annotation; relations in lower case as in microsoft/LoRA."""
    for number, row in enumerate(document.json, start=1):
        place = f"entry {number}"
        try:
            prompt = linearise(
                (subject, relation.lower(), value) for subject, relation, value in row["tripleset"]
            )
            texts = [annotation["text"].strip() for annotation in row["annotations"]]
        except (KeyError, TypeError, ValueError, AttributeError):
            raise document.error(
                place,
                "not a DART row: needs tripleset, a list of [subject, relation, object] texts, and "
                "annotations, a list of {source, text}",
            ) from None
        if not row["tripleset"]:
            raise document.error(place, "no prompt: its tripleset is empty")
        if not texts or not all(texts):
            raise document.error(place, "no completion: an annotation text is missing or blank")
        for index, text in enumerate(texts, start=1):
            yield Example(f"{document.name}:{number}/{index}", prompt, text)
