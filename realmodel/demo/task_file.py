"""The demo task as a file that every command reads."""

import json
from pathlib import Path

from realmodel.demo.generator import examples
from theory.whole_file import write_whole


def write_task(path: Path, count: int, seed: int) -> Path:
    """Records of the demo task as JSON lines of prompt and completion; returns the path.

    Raises
    ------
    InputError
        If it cannot be written.
    """
    rows = (
        json.dumps({"prompt": record.prompt, "completion": record.completion})
        for record in examples(count, seed=seed)
    )
    return write_whole(path, "".join(f"{row}\n" for row in rows))
