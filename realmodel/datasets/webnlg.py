"""WebNLG 2017 JSON: ``{"entries": [{"1": {"modifiedtripleset": .., "lexicalisations": ..}}]}``."""

from collections.abc import Iterator
from typing import Any

from realmodel.datasets.document import Document
from realmodel.datasets.example import Example
from realmodel.datasets.triples import linearise


def recognises(document: Document) -> bool:
    """Whether the file is one JSON object with ``entries``."""
    return isinstance(document.json, dict) and "entries" in document.json


def parse(document: Document) -> Iterator[Example]:
    """One example per lexicalisation that the annotators did not mark as bad."""
    entries = document.json["entries"]
    if not isinstance(entries, list) or not entries:
        raise document.error("entries", "no entries in the file")
    for entry in entries:
        number, body = next(iter(entry.items()))
        place = f"entry {number}"
        try:
            prompt = linearise(
                (triple["subject"], triple["property"], triple["object"])
                for triple in body["modifiedtripleset"]
            )
            lexicalisations = body["lexicalisations"]
            texts = [str(item["lex"]).strip() for item in lexicalisations if accepted(item)]
        except (KeyError, TypeError, AttributeError) as error:
            raise document.error(place, f"not a WebNLG entry, {error!r} is missing") from None
        if not lexicalisations or not all(texts):
            raise document.error(place, "no completion: a lexicalisation is missing or blank")
        # An entry whose texts were all rejected is left out: the release says so itself.
        for index, text in enumerate(texts, start=1):
            yield Example(f"{document.name}:{number}/{index}", prompt, text)


def accepted(lexicalisation: Any) -> bool:
    """Whether the text is usable: the test release leaves the comment blank."""
    return lexicalisation.get("comment", "good") in ("good", "")
