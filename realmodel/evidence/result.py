"""A comparison as tidy JSON and as Markdown tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from realmodel.evidence.agreement import Agreement
from realmodel.evidence.options import CompareOptions
from realmodel.evidence.summary import ScoreSummary

VERSION = 1


@dataclass(frozen=True)
class ComparisonResult:
    """Everything that was measured on one model and one task.

    Parameters
    ----------
    model, model_digest, task : str
        What was compared on.
    options : CompareOptions
        The protocol.
    loss_before : float
        Held-out loss of the bare model, nats per completion token.
    all_gain : float
        Mean realised gain of adapting every layer.
    runs : sequence of mapping
        One per fine-tuning run: label, layers, seed, gain, costs.
    values : sequence of mapping
        One per score and placement: score, layers, value.
    summaries : sequence of ScoreSummary
        One per score.
    predictions : mapping
        By model of the joint gain, one row per placement: realised, joint, sum and bounds.
    prediction : mapping
        Medians over these, by model.
    """

    model: str
    model_digest: str
    task: str
    options: CompareOptions
    loss_before: float
    all_gain: float
    runs: Sequence[Mapping[str, Any]]
    values: Sequence[Mapping[str, Any]]
    summaries: Sequence[ScoreSummary]
    predictions: Mapping[str, Sequence[Mapping[str, Any]]]
    prediction: Mapping[str, Mapping[str, float]]

    def to_json(self) -> dict[str, Any]:
        """A JSON object without NaN."""
        return {
            **vars(self),
            "version": VERSION,
            "options": self.options.to_json(),
            "summaries": [summary.to_json() for summary in self.summaries],
        }

    def conclusion(self) -> str:
        """Which score ordered the placements best, and what its own pick would have lost."""
        known = [s for s in self.summaries if s.placements.spearman is not None]
        if not known:
            return "No score orders the placements: they all gained the same."
        best = max(known, key=lambda s: s.placements.spearman or 0.0)
        return (
            f"Of {len(self.summaries)} scores the best at ordering the placements is "
            f"{best.title}: Spearman {best.placements.spearman:.2f} with what training gained, and "
            f"its own pick loses {100 * best.regret_share:.1f}% of the all-layer gain against the "
            "best placement trained."
        )

    def to_markdown(self) -> str:
        """A heading, the protocol in a sentence, one row per score, and the predictions."""
        o, f = self.options, self.options.finetune
        rows = sorted(
            self.summaries,
            key=lambda s: -2.0 if s.placements.spearman is None else s.placements.spearman,
            reverse=True,
        )
        lines = [
            f"### {self.model} on {self.task}",
            "",
            f"Held-out loss {self.loss_before:.3f} nats per completion token; adapting every layer "
            f"gains {self.all_gain:.3f}. {o.placements} placements of {o.size} layers, {o.seeds} "
            f"{'seed' if o.seeds == 1 else 'seeds'}; LoRA rank {f.rank}, alpha {f.alpha:g}, AdamW "
            f"{f.learning_rate:g} falling linearly to zero, {f.steps} steps of "
            f"{f.batch_size} sequences.",
            "",
            "| score | Spearman, placements | Spearman, single layers | pick | gain of the pick "
            "| regret, % of all-layer gain | cost, s |",
            "| --- | --- | --- | --- | --- | --- | --- |",
        ]
        lines += [
            f"| {s.title} | {shown(s.placements)} | {shown(s.single_layers)} "
            f"| {', '.join(map(str, s.pick))} | {s.pick_gain:.3f} | {100 * s.regret_share:.1f} "
            f"| {s.seconds:.1f} |"
            for s in rows
        ]
        titles = {summary.name: summary.title for summary in self.summaries}
        lines += [
            "",
            "Predicted against realised gain, medians over the placements:",
            "",
            "| model | joint / realised | sum of single gains / realised | sum / joint "
            "| rho within the placement | realised gain within the signed bounds |",
            "| --- | --- | --- | --- | --- | --- |",
        ]
        lines += [
            f"| {titles[name]} | {p['joint_over_realised']:.2f} | {p['sum_over_realised']:.2f} "
            f"| {p['sum_over_joint']:.2f} | {p['coupling']:.2f} "
            f"| {100 * p['within_signed_bounds']:.0f}% |"
            for name, p in self.prediction.items()
        ]
        lines.append("")
        return "\n".join(lines)


def shown(agreement: Agreement) -> str:
    """A correlation with its interval over seeds, for a table."""
    if agreement.spearman is None:
        return "-"
    text = f"{agreement.spearman:.2f}"
    if agreement.over_seeds is not None:
        low, high = agreement.over_seeds
        text += f" ({low:.2f} to {high:.2f})"
    return text
