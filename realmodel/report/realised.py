"""What fine-tuning runs gained, in a sentence and a table, beside what was predicted."""

from statistics import fmean, stdev
from typing import Any

from rich.table import Table
from rich.text import Text

from realmodel.runs.numbers import joined, number
from realmodel.runs.printable import printable


def realised(results: list[dict[str, Any]], predicted: dict[str, Any] | None = None) -> str:
    """The mean over seeds, its share of what all layers gain, and predicted against realised.

    Examples
    --------
    >>> runs = [{"gain": 0.3, "loss_before": 2.0}, {"gain": 0.5, "loss_before": 2.0}]
    >>> realised(runs)
    'Gained 0.4 ± 0.1 nats per token over 2 seeds (± one standard error), of a loss of 2.'
    >>> found = {"gain": 0.6, "not_comparable": None, "all_layers": {"gain": 0.8, "trained": 0.5}}
    >>> for sentence in realised(runs, found).split(". ")[1:]:
    ...     print(sentence)
    That is 80% of the 0.5 that training all layers gained
    Predicted were 0.6: training realised 0.667 times the prediction.
    """
    gains = [float(run["gain"]) for run in results]
    mean, spread = fmean(gains), ""
    if len(gains) > 1:
        error = number(stdev(gains) / len(gains) ** 0.5)
        spread = f" ± {error}"
    seeds = f"over {len(gains)} seeds (± one standard error)" if spread else "with one seed"
    text = f"Gained {number(mean)}{spread} nats per token {seeds}, of a loss of "
    text += f"{number(results[0]['loss_before'])}."
    if predicted is None:
        return text
    if (reason := predicted["not_comparable"]) is not None:
        return f"{text} The prediction is not of this run: {reason}."
    text += _of_all_layers(mean, predicted)
    text += f" Predicted were {number(predicted['gain'])}"
    if predicted["gain"] > 0:
        times = number(mean / predicted["gain"])
        text += f": training realised {times} times the prediction"
    return f"{text}."


def _of_all_layers(mean: float, predicted: dict[str, Any]) -> str:
    """The share of the gain of all layers: trained where it is known, or as predicted."""
    whole = predicted.get("all_layers", {})
    trained, gain = whole.get("trained"), whole.get("gain")
    if trained:
        share, all_of_them = f"{mean / trained:.0%}", number(trained)
        return f" That is {share} of the {all_of_them} that training all layers gained."
    if gain:
        share = f"{predicted['gain'] / gain:.0%}"
        return f" Of the gain of all layers, which were not trained, {share} was predicted."
    return ""


def runs_table(results: list[dict[str, Any]], predicted: dict[str, Any] | None = None) -> Table:
    """One row per seed, and below them what was predicted."""
    layers = joined(results[0]["layers"])
    title = Text(printable(f"{results[0]['model']}: layers {layers}"))
    rows = Table(title=title, title_justify="left", caption_justify="left")
    if predicted is not None:
        reason = predicted["not_comparable"]
        level = "of this run" if reason is None else f"not comparable: {reason}"
        rows.caption = f"predicted gain {predicted['gain']:.4f}, {level}"
    for heading in ("seed", "loss before", "after", "gain", "tokens/s", "adapter", "peak memory"):
        rows.add_column(heading, justify="right")
    with_latency = results[0]["latency"] is not None
    with_scores = results[0]["generation"] is not None
    if with_latency:
        rows.add_column("latency", justify="right")
    if with_scores:
        rows.add_column("BLEU / chrF / TER", justify="right")
    for r in results:
        speed = r["tokens_per_second"]
        cells = [
            str(r["options"]["seed"]),
            f"{r['loss_before']:.4f}",
            f"{r['loss_after']:.4f}",
            f"{r['gain']:.4f}",
            "-" if speed is None else f"{speed:.0f}",
            f"{r['adapter_bytes'] / 1024:.0f} KiB",
            f"{r['peak_memory_bytes'] / 2**20:.0f} MiB",
        ]
        if with_latency:
            cells.append(f"{100 * r['latency']['overhead']:+.0f}%")
        if with_scores:
            g = r["generation"]
            cells.append(f"{g['bleu']:.1f} / {g['chrf']:.1f} / {g['ter']:.1f}")
        rows.add_row(*cells)
    return rows
