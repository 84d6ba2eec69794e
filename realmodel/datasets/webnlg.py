"""WebNLG 2017 JSON: ``{"entries": [{"1": {"modifiedtripleset": .., "lexicalisations": ..}}]}``."""

from collections.abc import Iterator, Mapping
from typing import Any

from realmodel.datasets.document import Document
from realmodel.datasets.example import Example
from realmodel.datasets.triples import linearise

SHAPE = (
    "not a WebNLG entry: needs modifiedtripleset, a list of subject, property and object texts, "
    "and lexicalisations, a list of {lex, comment}"
)


def recognises(document: Document) -> bool:
    """Whether the file is one JSON object with ``entries``."""
    return isinstance(document.json, dict) and "entries" in document.json


def parse(document: Document) -> Iterator[Example]:
    """One example per lexicalisation that the annotators did not mark as bad."""
    entries = document.json["entries"]
    if not isinstance(entries, list) or not entries:
        raise document.error("entries", "no entries in the file; expected a list of them")
    for position, entry in enumerate(entries, start=1):
        if not isinstance(entry, Mapping) or not entry:
            raise document.error(f"entry {position}", SHAPE)
        for number, body in entry.items():
            yield from parse_entry(document, str(number), body)


def parse_entry(document: Document, number: str, body: Any) -> Iterator[Example]:
    """The examples of one entry."""
    place = f"entry {number:.40}"
    try:
        prompt = linearise(
            (triple["subject"], triple["property"], triple["object"])
            for triple in body["modifiedtripleset"]
        )
        lexicalisations = body["lexicalisations"]
        texts = [item["lex"].strip() for item in lexicalisations if accepted(item)]
    except (KeyError, TypeError, AttributeError):
        raise document.error(place, SHAPE) from None
    if not lexicalisations or not all(texts):
        raise document.error(place, "no completion: a lexicalisation is missing or blank")
    if not body["modifiedtripleset"]:
        raise document.error(place, "no prompt: its modifiedtripleset is empty")
    # An entry whose texts were all rejected is left out: the release says so itself.
    for index, text in enumerate(texts, start=1):
        yield Example(f"{document.name}:{number:.40}/{index}", prompt, text)


def accepted(lexicalisation: Any) -> bool:
    """Whether the text is usable: the test release leaves the comment blank."""
    return lexicalisation.get("comment", "good") in ("good", "")
