"""``layercard doctor``: does this machine have what the commands need?"""

import json
from pathlib import Path

import typer
from rich.table import Table
from rich.text import Text

from realmodel.doctor import Check, checks
from realmodel.runs.console import AsJson, OutputDir, Seed, emit, stderr

STYLE = {"ok": "green", "note": "yellow", "broken": "red"}


def doctor(as_json: AsJson = False, output_dir: OutputDir = None, seed: Seed = 0) -> None:
    """Report Python, packages, devices, memory and data; exit 1 if something needed is broken."""
    with stderr.status("looking around"):
        found = list(checks(output_dir or Path("out"), seed))
    broken = [check.name for check in found if check.status == "broken"]
    record = {"broken": broken, "checks": [check.to_dict() for check in found]}
    emit(record, report(found), as_json=as_json)
    if output_dir is not None and "write access" not in broken:
        from realmodel.runs.atomic import write_atomically  # its package needs torch

        text = json.dumps(record, indent=2, allow_nan=False) + "\n"
        write_atomically(output_dir / "doctor.json", text)
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
