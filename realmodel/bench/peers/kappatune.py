"""peft's KappaTune: condition number of each weight, no data."""

from peft import find_kappa_target_modules

from realmodel.bench.peers.peer import Outcome, Work


def run(work: Work) -> Outcome:
    """One SVD per weight."""
    found = find_kappa_target_modules(work.model, show_progress=False)
    chosen = set(found["target_modules"] or ())
    seen = sum(module.name in chosen for module in work.modules)
    return Outcome(note=f"weights only; picked {seen} of {len(work.modules)} modules")
