"""README and documentation are executed: Python blocks as sessions, every command as it stands."""

import doctest
import gzip
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from fnmatch import fnmatch
from itertools import pairwise
from pathlib import Path
from string import Template
from typing import Any, NamedTuple

import pytest
import torch
from transformers import AutoModelForCausalLM, GPT2Config, Qwen3Config
from typer.main import get_command
from typer.testing import CliRunner

from paper_figures.application import app as figures
from paper_figures.artifact import artifacts
from realmodel.bench.__main__ import application as bench
from realmodel.card import LayerCard
from realmodel.cli import app
from realmodel.costs.module_costs import module_costs
from realmodel.costs.serving import served_by
from realmodel.demo.recipe.tokenizer import train_tokenizer
from simulate.experiments import EXPERIMENTS

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
PAGES = (README, *sorted((ROOT / "docs").rglob("*.md")))
ELLIPSIS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def blocks(language: str, page: Path = README) -> list[str]:
    """Fenced blocks of ``language`` in a page."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), flags=re.M | re.S)


def sessions(page: Path) -> str:
    """All Python sessions of a page, joined: names carry over from block to block."""
    return "\n".join(block for block in blocks("python", page) if ">>>" in block)


def commands(block: str) -> list[tuple[str, str]]:
    """(command, expected output) pairs of a console block."""
    parts = re.split(r"^\$ ", block, flags=re.M)[1:]
    return [(head, tail) for head, _, tail in (part.partition("\n") for part in parts)]


def check_output(expected: str, actual: str) -> None:
    """Fail unless ``actual`` matches ``expected``, where ``...`` stands for anything."""
    if not doctest.OutputChecker().check_output(expected, actual, ELLIPSIS):
        pytest.fail(f"the page says\n{expected}\nbut the command printed\n{actual}")


@pytest.mark.parametrize("page", [page for page in PAGES if sessions(page)], ids=lambda p: p.stem)
def test_python_blocks(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    example = doctest.DocTestParser().get_doctest(sessions(page), {}, page.name, str(page), 0)
    result = doctest.DocTestRunner(optionflags=ELLIPSIS).run(example)
    assert result.failed == 0


def test_other_python_blocks_are_python() -> None:
    for page in PAGES:
        for block in blocks("python", page):
            if ">>>" not in block:
                compile(block, str(page), "exec")


@pytest.mark.parametrize(
    ("command", "expected"),
    [pair for page in PAGES for block in blocks("console", page) for pair in commands(block)],
)
def test_console_block(command: str, expected: str, tmp_path: Path) -> None:
    words = shlex.split(command)
    assert words[0] in {"layercard", "python"}
    binary = Path(sys.executable).parent / words[0]
    done = subprocess.run(
        [str(binary), *words[1:]],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "100"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    check_output(expected, done.stdout)


def test_make_targets_of_readme_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    named = set(re.findall(r"\bmake ([a-z-]+)", "\n".join(blocks("bash"))))
    assert {"demo", "test"} <= named
    assert not [target for target in named if f"\n{target}:" not in makefile]


def test_local_links_of_readme_exist() -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", README.read_text())
    assert links
    assert not [link for link in links if not (ROOT / link).exists()]


def test_check_output_fails_on_a_wrong_answer() -> None:
    check_output("gain ... nats\n", "gain 0.5 nats\n")
    with pytest.raises(pytest.fail.Exception):
        check_output("gain 0.4 nats\n", "gain 0.5 nats\n")


# Every other command of every page runs too, on stand-ins: files of the names that the pages use,
# small numbers appended (the last of a repeated option counts), and its effect asserted.

PROGRAMS = ("layercard", "python", "torchrun", "make", "dask")
STARTS = re.compile(rf"(?:[A-Z_]+=\S* )*(?:{'|'.join(PROGRAMS)})\b")


def shell_commands(text: str) -> list[str]:
    """The commands of a page's shell blocks, variables filled in, without comments."""
    found: list[str] = []
    for language, block in re.findall(r"^```(\w*)\n(.*?)^```$", text, flags=re.M | re.S):
        variables: dict[str, str] = {}
        if language not in ("bash", "sh", "text", ""):
            continue
        for line in re.sub(r"\\\n\s*", "", block).splitlines():
            if assigned := re.fullmatch(r'(?:\w+=(?:"[^"]*"|[^\s;]*)(?:;\s*|$))+', line):
                pairs = re.findall(r'(\w+)=(?:"([^"]*)"|([^\s;]*))', assigned[0])
                variables |= {name: quoted or plain for name, quoted, plain in pairs}
                continue
            if STARTS.match(line):
                words = shlex.split(Template(line).safe_substitute(variables), comments=True)
                found.append(shlex.join(word for word in words if not re.match("[A-Z_]+=", word)))
    return found


OWN_TEST = {"data.md": "tests/realmodel/datasets/test_data_page.py"}
"""Pages whose commands another test runs, on files of its own."""

COMMANDS = sorted(
    {
        command
        for page in PAGES
        if page.name not in OWN_TEST
        for command in shell_commands(page.read_text())
    }
)


@pytest.mark.parametrize(("page", "test"), OWN_TEST.items())
def test_the_other_test_reads_the_page(page: str, test: str) -> None:
    assert page in (ROOT / test).read_text()


SMALL = {
    "card": "--num-samples 8 --directions 1 --curvature-samples 4 --tangent-samples 8 --rank 2 "
    "--steps 2 --no-calibrate",
    "finetune": "--num-samples 12 --heldout-samples 4 --max-new-tokens 2 --steps 2 --no-latency",
    "compare": "--sizes 1 --placements 3 --seeds 1 --steps 1 --rank 2 --directions 1 "
    "--curvature-samples 2 --training-samples 6 --heldout-samples 3",
    "demo": "--num-samples 4 --layers 2",
    "verify": "--problems 40 --jobs 1",
    "simulate": "--worlds 1 --workers 1",
}


class World(NamedTuple):
    """Folder in which the commands run, and what one of them printed and left there."""

    folder: Path
    words: list[str]
    printed: str

    def option(self, name: str, default: str = "") -> str:
        """The last value of an option of the command."""
        values = [after for word, after in pairwise(self.words) if word == name]
        return values[-1] if values else default

    def file(self, name: str, folder: str = "") -> Path:
        """A file that the command must have written into its output folder."""
        path = self.folder / self.option("--output-dir", folder) / name
        assert path.is_file(), f"{path} was not written"
        return path


def card_written(world: World) -> None:
    if "--estimate" in world.words:
        assert "memory" in world.printed
        assert "one pass" in world.printed
        return
    card = LayerCard.load(world.file("card.json", "out/card"))
    assert "gain alone" in world.printed
    assert card.model["source"] == world.option("--model", "gpt2")
    if rate := world.option("--learning-rate"):
        assert card.protocol is not None
        assert card.protocol.learning_rate == float(rate)
    if world.option("--finetuned"):
        assert card.measured
    modules = [after for word, after in pairwise(world.words) if word == "--modules"]
    for module in card.modules:
        assert not modules or any(fnmatch(module.name, f"*{pattern}") for pattern in modules)
    for name in ("card.md", "card.html"):
        assert world.file(name, "out/card").stat().st_size > 1000


def placed(world: World) -> None:
    assert "best possible placement in this model" in " ".join(world.printed.split())
    code = world.printed[world.printed.index("from peft import LoraConfig") :]
    made = "config = LoraConfig(**ARGUMENTS)"
    code = code[: code.index(made) + len(made)]
    names: dict[str, Any] = {}
    exec(code.replace("from peft import LoraConfig", "LoraConfig = dict"), names)
    card = LayerCard.load(world.folder / world.words[2])
    config, kind = names["config"], world.option("--objective", "gain")
    chosen = {m.layer for m in card.modules if m.name in config["target_modules"]}
    budget = world.option("--budget", "4")
    if kind == "gain":
        assert len(chosen) == int(budget)
    else:
        whole, cost = card.costs.everything(kind), card.costs.record(card.positions((*chosen,)))
        assert budget[-1] == "%" or "limits nothing" in " ".join(world.printed.split())
        assert budget[-1] != "%" or cost[kind] <= float(budget[:-1]) / 100 * whole * (1 + 1e-9)
    if world.option("--output-dir"):
        saved = json.loads(world.file("placement.json").read_text())
        assert saved["lora_config"] == config
        assert json.loads(world.file("lora_config.json").read_text()) == config


def placed_modules(world: World) -> None:
    unit, printed = world.option("--unit"), " ".join(world.printed.split())
    assert re.search(rf"possible {unit}s in this model", printed)
    card = LayerCard.load(world.folder / world.words[2])
    code = world.printed[world.printed.index("ARGUMENTS") : world.printed.index("config =")]
    names: dict[str, Any] = {}
    exec(code, names)
    targets = names["ARGUMENTS"]["target_modules"]
    chosen = [at for at, module in enumerate(card.modules) if module.name in targets]
    assert 0 < len(chosen) < len(card.modules)
    if objective := world.option("--objective"):
        costs = served_by(card.costs, world.option("--engine", "hf"), card.modules)
        own = module_costs(costs, card.modules, objective).of(chosen)
        limit = float(world.option("--budget")[:-1]) / 100 * costs.everything(objective)
        assert own <= limit * (1 + 1e-9)
    else:
        assert len({card.modules[at].kind for at in chosen}) == int(world.option("--budget"))


def placed_for_tasks(world: World) -> None:
    printed = " ".join(world.printed.split())
    word = world.option("--combine", "worst")
    assert f"{word} share" in printed
    assert "task 2" in printed
    assert len(json.loads(world.file("placement.json").read_text())["tasks"]) == 2


def finetuned(world: World) -> None:
    if not world.option("--output-dir"):
        assert "gain" in world.printed
        return
    runs = json.loads(world.file("finetune.json").read_text())["runs"]
    assert len(runs) == int(world.option("--seeds", "1"))
    for run in runs:
        adapter = f"seed-{run['options']['seed']}/adapter/adapter_config.json"
        assert json.loads(world.file(adapter).read_text())["peft_type"] == "LORA"


def compared(world: World) -> None:
    made = json.loads(world.file("comparison.json", "out/compare").read_text())
    assert made["task"] == (world.option("--name") or Path(world.option("--data")).name)
    assert "Spearman" in world.file("comparison.md", "out/compare").read_text()


def simulated(world: World) -> None:
    if len(world.words) == 2 or world.words[2].startswith("-"):
        assert all(name in world.printed for name in EXPERIMENTS)
        return
    for kind in ("json", "png", "pdf"):
        assert world.file(f"{world.words[2]}.{kind}", "out/simulate").stat().st_size > 100


def drawn(world: World) -> None:
    if "--list" in world.words:
        assert "additivity_gap" in world.printed
        return
    names = [word for word in world.words[3:] if word in artifacts()]
    for name in names:
        assert list((world.folder / world.option("--output-dir", "out/figures")).rglob(f"{name}.*"))
    assert names


def benchmarked(world: World) -> None:
    record = json.loads((world.folder / world.option("--output")).read_text())
    assert record.get("timings") or record["measurements"]


def demonstrated(world: World) -> None:
    assert "gain alone" in world.printed
    assert LayerCard.load(world.file("gpt2/card.json")).layers


def checked(world: World) -> None:
    assert LayerCard.load(world.file("card/card.json")).layers
    for name in ("chosen", "last"):
        assert len(json.loads(world.file(f"{name}/finetune.json").read_text())["runs"]) == 1


def says(*parts: str) -> Callable[[World], None]:
    def effect(world: World) -> None:
        for part in parts:
            assert part in world.printed

    return effect


EFFECTS: dict[str, Callable[[World], None]] = {
    "card": card_written,
    "place": placed,
    "finetune": finetuned,
    "compare": compared,
    "demo": demonstrated,
    "simulate": simulated,
    "verify": says("checks: passed"),
}


class StandIn(NamedTuple):
    """Commands that match ``pattern`` run with parts replaced and words appended."""

    pattern: str
    effect: Callable[[World], None]
    swap: Mapping[str, str] = {}
    more: str = ""


ADDRESS = r"tcp://[\w-]+:8786"
OTHER = f"{SMALL['card']} --output-dir out/other"
STAND_INS = (  # the first that matches counts
    StandIn("layercard place .*--unit (?:kind|module) .*", placed_modules),
    StandIn(r"layercard place \S+/card\.json \S+/card\.json .*", placed_for_tasks),
    StandIn("layercard card --model (?:my-org|Qwen|HuggingFaceTB).*", card_written, {}, OTHER),
    StandIn(
        "layercard compare --model HuggingFaceTB/.*",
        compared,
        {r"HuggingFaceTB/\S+": "gpt2"},
        f"{SMALL['compare']} --singles 2 --run-dtype float32",
    ),
    StandIn(
        "layercard finetune --model HuggingFaceTB.*",
        finetuned,
        {r"HuggingFaceTB/\S+": "gpt2", "out/all": "out/whole"},
        SMALL["finetune"],
    ),
    *(
        StandIn(
            f"layercard {name} .*|layercard {name}",
            effect,
            {ADDRESS: "{dask}", "demo:gpt2": "gpt2 --data task.jsonl", "0,1,6,8": "0,1,3"},
            SMALL.get(name, ""),
        )
        for name, effect in EFFECTS.items()
    ),
    StandIn(
        "torchrun .*layercard card .*",
        card_written,
        {"cuda": "cpu", "node 8": "node 1"},
        OTHER,
    ),
    StandIn("python -m paper_figures --list", drawn),
    StandIn(
        "python -m paper_figures [a-z].*", drawn, {"spreading ": "", "additivity_gap": "overview"}
    ),
    StandIn(
        "python -m paper_figures --preset (?:demo|mini|paper) .*",
        drawn,
        {r"(?<=preset )\w+": "demo", r" --(?:model|data) \S+": ""},
        "overview",
    ),
    StandIn(
        "python -m realmodel.bench card .*",
        benchmarked,
        {"cuda": "cpu", "gpt2-medium.*0.6b|qwen3-8b(?!.json)": "gpt2-mini"},
        "--num-samples 4 --length 8 --batch-size 2 --rounds 1",
    ),
    StandIn(
        "python -m realmodel.bench .*",
        benchmarked,
        {"cuda": "cpu", "gpt2-medium.*0.6b|qwen3-8b(?!.json)": "gpt2-mini"},
        "--sequences 2 --length 8 --batch-size 2 --rounds 1",
    ),
    StandIn("python -m pytest -m gpu", says("gpu: needs a CUDA device"), {"-m gpu": "--markers"}),
    StandIn("dask (?:scheduler|worker .*)", says("Usage"), {"(?<=worker) .*": ""}, "--help"),
    StandIn("make demo", demonstrated, {"make demo": "{make demo}"}, SMALL["demo"]),
    StandIn(
        "make demo-llm",
        checked,
        {"make demo-llm": "{make demo-llm} --model gpt2"},
        "--num-samples 6 --layers 2 --steps 1",
    ),
    StandIn("make figures", drawn, {"make figures": "{make figures}"}, "overview"),
    StandIn("make test", says("pytest", "ruff", "pyright", "mypy", "mkdocs"), {"make": "make -n"}),
)


def stand_in(command: str) -> StandIn:
    """The one that matches."""
    found = [known for known in STAND_INS if re.fullmatch(known.pattern, command)]
    if not found:
        pytest.fail(f"no stand-in for the documented command: {command}")
    return found[0]


def outside_make() -> dict[str, str]:
    """The environment without what a make above these tests has put there."""
    return {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}


def recipe(target: str) -> str:
    """What ``make TARGET`` runs once the environment is there."""
    done = subprocess.run(
        ["make", "-n", "-o", ".venv/.ready", target],
        cwd=ROOT,
        env=outside_make(),
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip().splitlines()[-1].replace(".venv/bin/", "")


def rows(count: int) -> list[tuple[str, str]]:
    return [(f"colour : {i} | thing : boat", f"The boat is {i % 7}.") for i in range(count)]


def write_checkpoint(folder: Path, config: Any, tokenizer: Any) -> None:
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models, data and earlier results under the names that the pages use."""
    home = tmp_path_factory.mktemp("pages") / "here"
    shared = home.parent / "shared"
    tokenizer = train_tokenizer([f"{a}\n{b}" for a, b in rows(20)], vocab_size=280, window=64)
    size = {"vocab_size": 280, "bos_token_id": 0, "eos_token_id": 0}
    gpt2 = GPT2Config(n_layer=5, n_embd=8, n_head=2, n_positions=128, **size)
    qwen3 = Qwen3Config(
        hidden_size=8, intermediate_size=8, num_hidden_layers=5, num_attention_heads=2,
        num_key_value_heads=1, head_dim=4, max_position_embeddings=128, **size,
    )  # fmt: skip
    for at in (home / "gpt2", shared / "models/gpt2-mini"):
        write_checkpoint(at, gpt2, tokenizer)
    smollm2 = home / "HuggingFaceTB/SmolLM2-135M-Instruct"
    for at in (home / "Qwen/Qwen3-8B", home / "my-org/my-model", shared / "models/qwen3-mini"):
        write_checkpoint(at, qwen3, tokenizer)
    write_checkpoint(smollm2, qwen3, tokenizer)
    pairs = [{"prompt": prompt + "\n", "completion": text} for prompt, text in rows(20)]
    lines = "".join(json.dumps(pair) + "\n" for pair in pairs)
    dart = [
        {"tripleset": [["boat", "COLOUR", prompt]], "annotations": [{"text": text}]}
        for prompt, text in rows(20)
    ]
    keys = ("subject", "property", "object")
    webnlg = [
        {
            str(number): {
                "modifiedtripleset": [dict(zip(keys, ("boat", "colour", prompt), strict=True))],
                "lexicalisations": [{"comment": "good", "lex": text}],
            }
        }
        for number, (prompt, text) in enumerate(rows(20))
    ]
    texts = {
        "e2e/train.txt": "".join(f"{prompt}||{text}\n" for prompt, text in rows(20)),
        "e2e/valid.txt": "".join(f"{prompt} again||{text}\n" for prompt, text in rows(8)),
        "gsm8k/train.jsonl": lines,
        "dart/dart-v1.1.1-full-dev.json": json.dumps(dart),
        "webnlg/train.json": json.dumps({"entries": webnlg}),
        "webnlg/dev.json": json.dumps({"entries": webnlg}).replace("colour : ", "paint : "),
    }
    for name, text in texts.items():
        path = shared / "data" / f"{name}.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(text.encode()))
    for name in ("task.jsonl", "train.jsonl"):
        (home / name).write_text(lines)
    inside(
        home, f"layercard card --model gpt2 --data task.jsonl --output-dir out/card {SMALL['card']}"
    )
    for copy in ("demo/gpt2", "e2e", "gsm8k"):
        shutil.copytree(home / "out/card", home / "out" / copy)
    inside(home, "layercard place out/card/card.json --budget 4 --output-dir out/place")
    placed = "--placement out/place/placement.json --output-dir out/run"
    for which in (placed, "--model gpt2 --rank 2 --output-dir out/all"):
        inside(home, f"layercard finetune {which} --data task.jsonl {SMALL['finetune']}")
    return home


APPS = {"layercard": app, "python -m paper_figures": figures, "python -m realmodel.bench": bench}


def inside(home: Path, command: str) -> str:
    """What a command prints in that folder: ours in this process, others in one of their own."""
    words = shlex.split(command)
    before = os.getcwd()
    os.chdir(home)
    try:
        for prefix, own in APPS.items():
            count = len(prefix.split())
            if words[:count] == prefix.split():
                done = CliRunner().invoke(own, words[count:], env={"COLUMNS": "100"})
                assert done.exit_code == 0, done.output
                return done.stdout
        binary = Path(sys.executable).parent / words[0]
        path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        where = ROOT if words[0] == "make" or "pytest" in words else home
        ran = subprocess.run(
            [str(binary) if binary.exists() else words[0], *words[1:]],
            cwd=where, capture_output=True, text=True, check=False,
            env={**os.environ, "PYTHONPATH": path, "PATH": f"{binary.parent}:{os.environ['PATH']}"},
        )  # fmt: skip
        assert ran.returncode == 0, ran.stderr
        return ran.stdout
    finally:
        os.chdir(before)


@contextmanager
def dask_cluster() -> Iterator[str]:
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
    ) as local:
        yield local.scheduler_address


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("command", COMMANDS)
def test_documented_command(command: str, folder: Path) -> None:
    known = stand_in(command)
    run = command
    for old, new in known.swap.items():
        run = re.sub(old, new, run)
    run = re.sub(r"\{make ([\w-]+)\}", lambda target: recipe(target[1]), run)
    with dask_cluster() if "{dask}" in run else nullcontext("") as address:
        run = f"{run.replace('{dask}', address)} {known.more}"
        if run.startswith("layercard simulate") and run.split()[2].startswith("-"):
            run = "layercard simulate"
        if "--card out/card/card.json" in run:
            run = command
        printed = inside(folder, run)
    known.effect(World(folder, shlex.split(run), printed))


def test_a_command_without_a_stand_in_fails() -> None:
    lines = ('D="a b"; M=x', "OMP_NUM_THREADS=1 layercard frobnicate $D \\", "  --to $M  # why")
    page = "\n".join(("```bash", *lines, "```", ""))
    assert shell_commands(page) == ["layercard frobnicate a b --to x"]
    with pytest.raises(pytest.fail.Exception, match="no stand-in"):
        stand_in("layercard frobnicate a b --to x")


def test_effects_see_what_is_missing(folder: Path) -> None:
    with pytest.raises(AssertionError, match="was not written"):
        card_written(World(folder, ["layercard", "card", "--output-dir", "nowhere"], "gain alone"))
    with pytest.raises(AssertionError, match="best possible placement"):
        placed(World(folder, ["layercard", "place", "out/card/card.json"], "no configuration"))


def inline_commands() -> list[tuple[str, str]]:
    """Commands with options in the running text, by page."""
    return [
        (page.stem, " ".join(found.split()))
        for page in PAGES
        for found in re.findall(r"`(layercard\s[a-z]+\s[^`]*--[^`]*)`", page.read_text())
    ]


@pytest.mark.parametrize(("page", "command"), inline_commands())
def test_options_named_in_the_text_exist(page: str, command: str) -> None:
    words = command.split()
    group: Any = get_command(app)
    known = {name for option in group.commands[words[1]].params for name in option.opts}
    known |= {name for option in group.commands[words[1]].params for name in option.secondary_opts}
    assert {word for word in words if word.startswith("--")} <= known
