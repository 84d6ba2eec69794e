"""The ``layercard`` command line: one file per command; torch is imported only where needed."""

from realmodel.cli import card, compare, demo, doctor, figures, finetune, place, simulate, verify
from realmodel.cli.application import app

app.command("card")(card.card)
app.command("place")(place.place)
app.command("finetune")(finetune.finetune)
app.command("compare")(compare.compare)
app.command("demo")(demo.demo)
app.command("doctor")(doctor.doctor)
app.command("simulate")(simulate.simulate)
app.command("figures", context_settings=figures.SETTINGS, add_help_option=False)(figures.figures)
app.command("verify")(verify.verify)

__all__ = ["app"]
