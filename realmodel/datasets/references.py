"""Grouping by prompt: generation is scored once per prompt against all its references."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from realmodel.datasets.example import Example


@dataclass(frozen=True)
class ReferenceGroup:
    """One prompt with every completion that the data give for it, in file order."""

    prompt: str
    references: tuple[str, ...]


def group_references(examples: Iterable[Example]) -> tuple[ReferenceGroup, ...]:
    r"""Prompts in order of first appearance, each with its distinct references.

    Examples
    --------
    >>> rows = [Example("a", "x", "one"), Example("b", "y", "two"), Example("c", "x", "three")]
    >>> [group.references for group in group_references(rows)]
    [('one', 'three'), ('two',)]
    """
    return tuple(
        ReferenceGroup(prompt, tuple(texts)) for prompt, texts in _grouped(examples).values()
    )


def with_references(examples: Iterable[Example]) -> tuple[Example, ...]:
    """The same examples, each with all references of its prompt."""
    examples = tuple(examples)
    references = {key: tuple(texts) for key, (_, texts) in _grouped(examples).items()}
    return tuple(replace(example, references=references[example.group]) for example in examples)


def _grouped(examples: Iterable[Example]) -> dict[str, tuple[str, dict[str, None]]]:
    grouped: dict[str, tuple[str, dict[str, None]]] = {}
    for example in examples:
        # A dict keeps the order and drops repeated references.
        _, texts = grouped.setdefault(example.group, (example.prompt, {}))
        texts.update(dict.fromkeys(example.references))
    return grouped
