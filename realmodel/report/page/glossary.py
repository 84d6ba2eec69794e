"""The words of the page, each in a line; those of docs/glossary.md, which a test compares."""

import re
from typing import Final

from markupsafe import Markup, escape

GLOSSARY: Final = (
    ("certificate", "a proved upper bound on the best set of that size in the quadratic model, so "
     "that a choice is known to be within a percentage of it"),
    ("completion token", "a token that the loss counts: the answer's, not the prompt's"),
    ("coupling \u03c1", "how strongly layers interact: below 1 single gains nearly add up, above "
     "it the paper's upper bound is void"),
    ("alignment \u03c4", "whether layers, along the gradient, repeat each other (positive) or help "
     "each other (negative)"),
    ("gain", "fall of the loss, nats per completion token; predicted by a quadratic model, or "
     "realised by training, on held-out data"),
    ("jackknife", "error of a number from leaving out a group of sequences at a time"),
    ("layer", "a transformer block, counted from 0; its modules are its linear maps"),
    ("nat", "unit of the loss: natural logarithm of a probability"),
    ("Pareto front", "placements that no other beats in both gain and cost"),
    ("placement", "which layers (or modules) get adapters, and their ranks"),
    ("planned run, protocol", "the training that the card predicts: rank, alpha, learning rate, "
     "steps, batch size"),
    ("price", "what one more unit of a budget, or one more layer, would gain at the certificate's "
     "optimum"),
    ("provenance", "paper (stated in the text we could read), reconstruction (its title and "
     "hypotheses, our display) or extension (ours)"),
    ("residual norm", "size of a layer's gradient in units of what its inputs can express; "
     "cross-fitted: without the bias of noise"),
    ("Σ (Sigma)", "second moment of a module's input"),
    ("Γ (Gamma)", "second moment of the gradients at a module's output"),
    ("tangent model", "ours: LoRA's own first-order coordinates, Adam's metric, a budget of steps; "
     "what place goes by"),
    ("void", "a bound whose assumption does not hold here; it says so and gives no number"),
)  # fmt: skip

RESULT = re.compile(r"(?<![\w.])(\d{1,2}[a-g])(?![\w.])")
"""A result of the theory as the notes name it, such as 10a."""


def results(texts: list[str]) -> list[tuple[str, str, str]]:
    """Id, title and provenance of every result that the texts name, in the theory's order.

    >>> results(["void here (reconstruction, 1b)."])
    [('1b', 'Joint gain within a factor of the sum of gains', 'reconstruction')]
    """
    from theory import THEOREMS

    named = {found for text in texts for found in RESULT.findall(text)}
    return [(id, item.title, item.provenance) for id, item in THEOREMS.items() if id in named]


def linked(text: str, known: frozenset[str]) -> Markup:
    """The text, safe in HTML, each result a link to its line on this page.

    >>> linked("a < b (extension, 1f)", frozenset({"1f"}))
    Markup('a &lt; b (extension, <a href="#result-1f">1f</a>)')
    """

    def link(match: re.Match[str]) -> str:
        name = match[1]
        return f'<a href="#result-{name}">{name}</a>' if name in known else name

    return Markup(RESULT.sub(link, str(escape(text))))
