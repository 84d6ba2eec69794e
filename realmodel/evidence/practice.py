"""``python -m realmodel.evidence.practice CARD COMPARISON``: theory against practice, as JSON."""

from pathlib import Path
from typing import Annotated

import typer

from realmodel.card import LayerCard
from realmodel.demo.profile_figure import png_bytes
from realmodel.evidence.recorded import read_comparison
from realmodel.evidence.theory_figure import theory_figure
from realmodel.evidence.theory_practice import theory_practice
from realmodel.runs.console import say
from realmodel.runs.reported import reported
from theory.whole_file import write_json, write_whole

application = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@application.command()
@reported()
def main(
    card: Annotated[Path, typer.Argument(help="card.json of the model and task.")],
    comparison: Annotated[Path, typer.Argument(help="comparison.json of the same.")],
    output: Annotated[Path, typer.Option(help="The JSON; the picture goes beside it.")],
) -> None:
    """Write what the theory says of layers and placements beside what came true."""
    record = theory_practice(LayerCard.load(card), read_comparison(comparison))
    write_json(output, record)
    picture = output.with_suffix(".png")
    write_whole(picture, png_bytes(theory_figure(record)))
    say(f"wrote {output} and {picture.name}")


if __name__ == "__main__":
    application(prog_name="python -m realmodel.evidence.practice")
