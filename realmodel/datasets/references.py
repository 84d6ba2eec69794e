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
    grouped: dict[str, dict[str, None]] = {}
    for example in examples:
        # A dict keeps the order and drops repeated references.
        grouped.setdefault(example.prompt, {}).update(dict.fromkeys(example.references))
    return tuple(ReferenceGroup(prompt, tuple(texts)) for prompt, texts in grouped.items())


def with_references(examples: Iterable[Example]) -> tuple[Example, ...]:
    """The same examples, each with all references of its prompt."""
    examples = tuple(examples)
    references = {group.prompt: group.references for group in group_references(examples)}
    return tuple(replace(example, references=references[example.prompt]) for example in examples)
