"""Every theorem on random problems: violations, smallest slack, and how tight it was seen."""

from paper_figures.preset import Preset
from paper_figures.step import Data, Step
from paper_figures.table import Column

CAPTION = (
    "Verification of every result on random problems. Provenance: stated in the readable text of "
    "the paper, reconstructed from its title and hypotheses, or an extension of ours. Slack is the "
    "smallest relative distance to a violated bound; tightness the largest ratio of the two sides "
    "seen at random; attained: the closed-form example reaches the constant; needed: dropping an "
    "assumption breaks the claim."
)
COLUMNS = (
    Column("theorem", "theorem"),
    Column("title", "title"),
    Column("provenance", "provenance"),
    Column("problems", "problems"),
    Column("violations", "violations"),
    Column("smallest_slack", "smallest slack", ".1e"),
    Column("tightest_ratio", "tightest seen", ".4f"),
    Column("tight", "attained"),
    Column("needed", "needed"),
)
PROBLEMS = 3000


def inputs(preset: Preset) -> dict[str, Step]:
    """One run of the verification."""
    options = {"problems": round(PROBLEMS * preset.repeats), "seed": preset.seed}
    return {"report": Step("verify-theorems", run, options)}


def run(problems: int, seed: int) -> Data:
    """Verify on two processes; the outcome does not depend on how many."""
    from simulate.verification import verify

    return verify(problems, seed, workers=2).record()


def compute(report: Data) -> Data:
    """One row for each theorem."""
    return {"rows": report["theorems"], "problems": report["problems"]}
