"""A page that shows everything in an output folder, with captions and where it came from."""

import json
from pathlib import Path

from paper_figures.artifact import Artifact, artifacts
from paper_figures.preset import Preset
from theory.whole_file import write_whole


def write_index(folder: Path, preset: Preset) -> Path:
    """Write ``index.md``: every figure and table that is in ``folder``, from whatever run.

    Parameters
    ----------
    folder : Path
        Output folder.
    preset : Preset
        Named in the heading.
    """
    parts = [f"# Figures and tables, preset {preset.name}"]
    for artifact in artifacts().values():
        data = folder / f"{artifact.kind}s" / f"{artifact.name}.json"
        shown = data.with_suffix(".png" if artifact.kind == "figure" else ".md")
        if data.is_file() and shown.is_file():
            parts.append(_section(artifact, data, shown, folder))
    path = folder / "index.md"
    write_whole(path, ("\n\n".join(parts) + "\n").encode())
    return path


def _section(artifact: Artifact, data: Path, shown: Path, folder: Path) -> str:
    made = json.loads(data.read_bytes())["environment"]
    source = f"`{made['command']}`, {made['date']}, commit {made['commit']['hash'] or 'unknown'}"
    if artifact.kind == "table":
        body = shown.read_text()
    else:
        body = f"![{artifact.title}]({shown.relative_to(folder).as_posix()})\n\n{artifact.caption}"
    return f"## {artifact.name}\n\n{artifact.title}.\n\n{body.rstrip()}\n\n{source}."
