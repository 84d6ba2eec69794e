"""E2E NLG: ``context||completion`` lines, or the CSV of the original release (mr, ref)."""

import re
from collections.abc import Iterator

from realmodel.datasets.document import Document
from realmodel.datasets.example import Example

SEPARATOR = "||"
ATTRIBUTE = re.compile(r"\s*([^\[\],]+)\[([^\]]*)\]\s*,?")
# The two releases name the same attributes differently; the line format's names are kept.
LINE_NAMES = {"eatType": "Type", "priceRange": "price", "familyFriendly": "family friendly"}


def recognises(document: Document) -> bool:
    """Whether the first line is an E2E line or the CSV header."""
    return SEPARATOR in document.lines[0][1] or is_csv(document)


def is_csv(document: Document) -> bool:
    """Whether the first line is the CSV header ``mr,ref``."""
    return [field.strip() for field in document.lines[0][1].split(",")][:2] == ["mr", "ref"]


def parse(document: Document) -> Iterator[Example]:
    """Examples in file order."""
    return parse_csv(document) if is_csv(document) else parse_lines(document)


def parse_lines(document: Document) -> Iterator[Example]:
    """One example a line, ``name : Aromi | area : riverside||Aromi is by the river.``."""
    for number, line in document.lines:
        context, separator, completion = line.partition(SEPARATOR)
        if not separator or not completion.strip() or not context.strip():
            missing = "context" if separator and not context.strip() else "completion"
            raise document.error(
                f"line {number}", f"no {missing} in {line!r}; write context||completion"
            )
        yield Example(f"{document.name}:{number}", context.strip() + "\n", completion.strip())


def parse_csv(document: Document) -> Iterator[Example]:
    """One example a record, ``"name[Aromi], area[riverside]","Aromi is by the river."``."""
    records = document.records()
    next(records)
    for number, record in records:
        place = f"line {number}"
        if len(record) < 2 or not record[1].strip():
            raise document.error(place, f"no completion in {record!r}; the columns are mr,ref")
        attributes = ATTRIBUTE.findall(record[0])
        if not attributes:
            raise document.error(place, f"no name[value] attributes in {record[0]!r}")
        prompt = " | ".join(f"{LINE_NAMES.get(name, name)} : {value}" for name, value in attributes)
        yield Example(f"{document.name}:{number}", prompt + "\n", record[1].strip())
