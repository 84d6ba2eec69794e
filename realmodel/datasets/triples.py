"""Triples as prompt text, in the linear form of microsoft/LoRA's NLG examples."""

from collections.abc import Iterable, Sequence


def linearise(triples: Iterable[Sequence[str]]) -> str:
    r"""``subject : property : object`` per triple, joined by ``|``, newline at the end.

    Examples
    --------
    >>> linearise([("Aarhus", "leader", "Jacob"), ("Aarhus", "country", "Denmark")])
    'Aarhus : leader : Jacob | Aarhus : country : Denmark\n'
    """
    return " | ".join(" : ".join(part.strip() for part in triple) for triple in triples) + "\n"
