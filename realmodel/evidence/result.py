"""A comparison as tidy JSON and as Markdown tables."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from realmodel.evidence.agreement import Agreement
from realmodel.evidence.options import CompareOptions
from realmodel.evidence.summary import CLOSE, ScoreSummary, SizeSummary
from realmodel.runs.markdown_table import markdown_table

VERSION = 2

RATIOS = ("joint_over_realised", "sum_over_realised", "sum_over_joint", "coupling")
"""Of the medians, in their order in the table."""


@dataclass(frozen=True)
class ComparisonResult:
    """Everything that was measured on one model and one task.

    Parameters
    ----------
    model, model_digest, task : str
        What was compared on.
    options : CompareOptions
        The protocol.
    arithmetic : mapping of str to str
        Of the ``scores`` and of the ``runs``.
    loss_before : float
        Held-out loss of the bare model, nats per completion token.
    all_gain : float
        Mean realised gain of adapting every layer.
    runs : sequence of mapping
        One per fine-tuning run: label, role (pool, single, all or pick), layers, seed, gain, costs.
    values : sequence of mapping
        One per score and placement: score, layers, value.
    summaries : sequence of ScoreSummary
        One per score.
    predictions : mapping
        By model of the joint gain, one row per placement but the picks: role, realised, joint, sum
        and bounds.
    prediction : mapping
        Medians over the pool, by model.
    left_out : mapping of str to str
        Titles of the scores that were not taken, and why.
    untrained : sequence of tuple of int
        Placements that the comparison wants and that are not fine-tuned (yet).
    """

    model: str
    model_digest: str
    task: str
    options: CompareOptions
    arithmetic: Mapping[str, str]
    loss_before: float
    all_gain: float
    runs: Sequence[Mapping[str, Any]]
    values: Sequence[Mapping[str, Any]]
    summaries: Sequence[ScoreSummary]
    predictions: Mapping[str, Sequence[Mapping[str, Any]]]
    prediction: Mapping[str, Mapping[str, float]]
    left_out: Mapping[str, str]
    untrained: Sequence[tuple[int, ...]]

    def to_dict(self) -> dict[str, Any]:
        """A JSON object without NaN."""
        return {
            **vars(self),
            "version": VERSION,
            "options": self.options.to_dict(),
            "summaries": [asdict(summary) for summary in self.summaries],
            "untrained": [list(layers) for layers in self.untrained],
        }

    def conclusion(self) -> str:
        """Which score ordered the placements best, and what its own picks would have lost."""
        known = [s for s in self.summaries if order(s) > -1]
        if not known:
            return "No score orders the placements: they all gained the same."
        best = max(known, key=order)
        lost = [size.regret_share for size in best.sizes if size.regret_share is not None]
        text = (
            f"Of {len(self.summaries)} scores the best at ordering the placements of a size is "
            f"{best.title}: Spearman {order(best):.2f} with what training gained"
        )
        if not lost:
            return f"{text}; none of its own picks is trained."
        return (
            f"{text}, and its own pick loses at most {100 * max(lost):.1f}% of the all-layer gain "
            "against the best placement trained."
        )

    def to_markdown(self) -> str:
        """A heading, the protocol in a sentence, a table for each size, and the predictions."""
        o, f = self.options, self.options.finetune
        rows = sorted(self.summaries, key=order, reverse=True)
        sizes = ", ".join(map(str, o.sizes))
        lines = [
            f"### {self.model} on {self.task}",
            "",
            f"Held-out loss {self.loss_before:.3f} nats per completion token; adapting every layer "
            f"gains {self.all_gain:.3f}. {o.placements} placements each of {sizes} layers, "
            f"{o.seeds} {'seed' if o.seeds == 1 else 'seeds'}; LoRA rank {f.rank}, alpha "
            f"{f.alpha:g}, AdamW {f.learning_rate:g} falling linearly to zero, {f.steps} steps of "
            f"{f.batch_size} sequences. Scores in {self.arithmetic['scores']}, runs in "
            f"{self.arithmetic['runs']}.",
        ]
        for at, size in enumerate(o.sizes):
            lines += [
                "",
                f"Placements of {size} {'layer' if size == 1 else 'layers'}:",
                "",
                *markdown_table(
                    [
                        "score",
                        "Spearman",
                        "pick",
                        "gain of the pick",
                        "regret, % of all-layer gain",
                    ],
                    [_row(s.title, s.sizes[at]) for s in rows],
                ),
            ]
        lines += ["", "All sizes together, and what a score costs:", "", *self._scores(rows)]
        lines += [f"\nLeft out: {title} ({why})." for title, why in self.left_out.items()]
        if self.untrained:
            lines += ["", f"Not fine-tuned: {len(self.untrained)} placements."]
        if self.prediction:
            lines += self._medians()
        lines.append("")
        return "\n".join(lines)

    def _scores(self, summaries: Sequence[ScoreSummary]) -> list[str]:
        head = ["score", "Spearman, all sizes", "Spearman, single layers", "realised / predicted"]
        head += [f"from {CLOSE[0]} to {CLOSE[1]}", "in the 80% interval", "cost, s"]
        rows: list[list[str]] = []
        for s in summaries:
            told = ["-", "-", "-"]
            if (known := s.forecast) is not None:
                told = [f"{known.ratio:.2f}", share(known.close), share(known.covered)]
            agree = [shown(s.all_sizes), shown(s.single_layers)]
            rows.append([s.title, *agree, *told, f"{s.seconds:.1f}"])
        return markdown_table(head, rows)

    def _medians(self) -> list[str]:
        titles = {summary.name: summary.title for summary in self.summaries}
        return [
            "",
            "Predicted against realised gain, medians over the placements:",
            "",
            *markdown_table(
                [
                    *("model", "joint / realised", "sum of single gains / realised", "sum / joint"),
                    *("rho within the placement", "realised gain within the signed bounds"),
                ],
                [
                    [
                        titles[name],
                        *(f"{p[ratio]:.2f}" for ratio in RATIOS),
                        share(p["within_signed_bounds"]),
                    ]
                    for name, p in self.prediction.items()
                ],
            ),
        ]


def order(summary: ScoreSummary) -> float:
    """Mean correlation within the sizes; -2 where there is none."""
    known = [s.placements.spearman for s in summary.sizes if s.placements.spearman is not None]
    return sum(known) / len(known) if known else -2.0


def _row(title: str, of: SizeSummary) -> list[str]:
    cells = [title, shown(of.placements), ", ".join(map(str, of.pick))]
    cells += ["-" if of.pick_gain is None else f"{of.pick_gain:.3f}"]
    cells += ["-" if of.regret_share is None else f"{100 * of.regret_share:.1f}"]
    return cells


def share(value: float | None) -> str:
    """A share in percent."""
    return "-" if value is None else f"{100 * value:.0f}%"


def shown(agreement: Agreement) -> str:
    """A correlation with its interval over seeds, or over placements with one seed."""
    if agreement.spearman is None:
        return "-"
    ends = agreement.over_seeds or agreement.over_placements
    text = f"{agreement.spearman:.2f}"
    return text if ends is None else f"{text} ({ends[0]:.2f} to {ends[1]:.2f})"
