"""``layercard doctor``: does this machine have what the commands need, and are the data right?"""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group
from rich.table import Table
from rich.text import Text

from realmodel.cli.data_options import READING, reading, tell_columns
from realmodel.cli.gathered import gathered
from realmodel.cli.loading import Loading
from realmodel.cli.unused import say_unused
from realmodel.datasets import ReadOptions
from realmodel.doctor import Check, checks
from realmodel.runs.console import AsJson, OutputDir, Seed, emit, stderr, stdout
from theory import InputError
from theory.whole_file import write_json

STYLE = {"ok": "green", "note": "yellow", "broken": "red"}
SHOWN = 3
SAMPLES = 512


@gathered(reading=reading, loading=Loading)
def doctor(
    reading: ReadOptions,
    context: typer.Context,
    loading: Loading,
    model: Annotated[
        str | None,
        typer.Option(help="Checkpoint to look at the data with: a folder, a hub id or demo:gpt2."),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Data to look at, any that card reads; needs --model.")
    ] = None,
    num_samples: Annotated[
        int, typer.Option(min=1, help="Examples to look at; all if there are fewer.")
    ] = SAMPLES,
    max_length: Annotated[
        int | None, typer.Option(min=2, help="Longest sequence; the model's window by default.")
    ] = None,
    as_json: AsJson = False,
    output_dir: OutputDir = None,
    seed: Seed = 0,
) -> None:
    """Report Python, packages, devices, memory and data; exit 1 if something needed is broken.

    With --model and --data it shows three examples as the model reads them, what of them is
    trained, how long a card takes, and what to worry about.
    """
    if (model is None) != (data is None):
        raise InputError("pass --model and --data together: data are looked at through a tokenizer")
    needed = None if model is not None else "--model and --data"
    looking = ("num_samples", "max_length", "dtype", "device", "trust_remote_code", *READING)
    say_unused(context, dict.fromkeys(looking, needed))
    with stderr.status("looking around"):
        found = list(checks(output_dir or Path("out"), seed))
    broken = [check.name for check in found if check.status == "broken"]
    record: dict[str, Any] = {"broken": broken, "checks": [asdict(check) for check in found]}
    shown: list[Any] = [report(found)]
    if model is not None and data is not None:
        from realmodel.card.data_report import data_report
        from realmodel.card.options import CardOptions
        from realmodel.datasets import read_examples
        from realmodel.demo import checkpoint_source
        from realmodel.model.lora_protocol import FinetuneOptions
        from realmodel.model.window import Window

        examples = read_examples(
            data, at_most=num_samples, seed=seed, options=reading, tell=tell_columns
        )
        checkpoint = loading.load(checkpoint_source(model))
        options = CardOptions(
            protocol=FinetuneOptions(seed=seed), window=Window(max_length, too_long="skip")
        )
        record["data"] = data_report(checkpoint, examples, options, show=SHOWN)
        shown += [Text(), *data_page(record["data"])]
    if output_dir is not None and "write access" not in broken:
        write_json(output_dir / "doctor.json", record)
    emit(record, Group(*shown), as_json=as_json)
    if broken:
        stderr.print(f"broken: {', '.join(broken)}", style="red", markup=False)
        raise typer.Exit(1)


def report(found: list[Check]) -> Table:
    """The checks as a table."""
    table = Table("check", "status", box=None, pad_edge=False)
    table.add_column("found", overflow="fold")
    for check in found:
        text = Text(check.found)
        if check.advice:
            text.append(f"\n{check.advice}", style="bold")
        table.add_row(check.name, Text(check.status, style=STYLE[check.status]), text)
    return table


def data_page(record: dict[str, Any]) -> list[Text]:
    """Examples coloured by what is trained, the counts, the estimate and the warnings."""
    from realmodel.model.shown import printable
    from realmodel.runs.numbers import amount

    lines: list[Text] = []
    for example in record["shown"]:
        trained = sum(part["tokens"] for part in example["parts"] if part["trained"])
        total = sum(part["tokens"] for part in example["parts"])
        name = printable(example["id"])
        lines.append(Text(f"example {name}: {trained} of {total} tokens trained", style="bold"))
        text = Text()
        for part in example["parts"]:
            shown = printable(part["text"])
            # Where there is no colour, marks say the same.
            marked = f">>>{shown}<<<" if part["trained"] and stdout.color_system is None else shown
            text.append(marked, style="green" if part["trained"] else "dim")
        lines += [text, Text()]
    share = record["trained_tokens"] / record["tokens"]
    lines.append(
        Text(
            f"{record['examples']} examples, {record['tokens']} tokens, {share:.1%} trained; "
            f"{record['left_out']} too long, {record['repeated']} repeated"
        )
    )
    expected = ", ".join(
        f"{stage['stage']} {amount(stage['seconds'], 'seconds')}" for stage in record["expected"]
    )
    memory = amount(float(max(stage["memory"] for stage in record["expected"])), "bytes")
    lines.append(Text(f"a card takes about: {expected}; {memory} (within a factor of two)"))
    lines += [Text(f"warning: {warning}", style="yellow") for warning in record["warnings"]]
    return lines
