"""Whatever is typed or read: exit code 0 or 2, one sentence, nothing half written, no wait.

A thousand cases, in about a minute of the processor; ``HYPOTHESIS_PROFILE=explore`` draws others
than those of every run. A case that fails is added, in its least form, to ``fuzz_corpus.jsonl``,
which is replayed first.
"""

import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
import typer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from realmodel.card import LayerCard
from realmodel.card.estimate import Machine
from realmodel.cli import app

CASES = 1000
SECONDS = 20  # of the processor, for each
CORPUS = Path(__file__).with_name("fuzz_corpus.jsonl")

Case = dict[str, Any]
"""``words`` of the command line, and ``files``: a text each, or edits of a file of ours."""

NUMBERS = [
    *("", " ", "-1", "0", "1", "2", "3", "4", "0.5", "1_000", "nan", "inf", "-inf", "1e308"),
    *("1e400", "1e-320", "-0.0", "0x10", "٣", "³", "½", "1,5", "60%", "1e400%", "nan%", "0%"),
    *("80ms", "1.5GB", "1e400ms", "1B", "infGB", "-3s", str(2**31), str(2**32), str(2**63)),
    *(str(10**30), "9" * 5000, "0-2", "0-9999999", "2-0", "0,0", "1-", ",", "0-³", "-"),
]
TEXTS = [
    *("x", "\udcff", "a\nb", "a\\b", "ä" * 300, "\x1b[31m", "[red]", "%s{}", '"""', "--", "../.."),
    *("cpu", "meta", "cuda", "cuda:99", "mps", "auto", "float16", "int8", "none", "disk", "skip"),
    *("gain", "time", "memory", "serving", "tangent", "gauss-newton", "json", "peft", "json,x"),
    *("attn.c_attn", "*", "[", "(", "all", "chatml", "train", "text", "prompt"),
]
PATHS = [
    *("{data}", "{card}", "{pipe}", "{model}", ".", "./nowhere", "{data}/below", "/dev/null"),
    *("/dev/zero", "/proc/x", "/proc/self/mem", "./" + "n" * 300, "./\udcff", "./a\nb", "./new"),
]
VALUES: list[Any] = [
    *(None, True, False, "", "x", [], {}, [[]], [None], {"x": 1}, -1, 0, 1, 2, 7, -0.0, 0.5),
    *(1e-320, 1e12, 1e100, 1e149, 1e308, -1e149, 2**31, 2**63, 2**64, 10**30, "\n\x1b[31m"),
    *("\ud800", "ä" * 300, "text\u2028", "9" * 30),
]
FIELDS = [
    *("text", "prompt", "completion", "instruction", "input", "output", "response", "question"),
    *("answer", "messages", "conversations", "role", "content", "from", "value", "chosen", "tools"),
    *("entries", "tripleset", "annotations", "modifiedtripleset", "lexicalisations", "lex", "mr"),
    *("ref", "system", "rejected", "rows", "train"),
]
DOCUMENTS = {
    "data.jsonl": '{"prompt": "a b", "completion": " c d"}\n{"prompt": "b", "completion": " d"}\n',
    "data.json": '[{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", '
    '"content": "b"}]}, {"conversations": [{"from": "human", "value": "a"}]}]',
    "data.csv": 'prompt,completion\na b,"c ""d"""\n"b\nc",d\n',
    "webnlg.json": '{"entries": [{"1": {"modifiedtripleset": [{"subject": "a", "property": "b", '
    '"object": "c"}], "lexicalisations": [{"lex": "a b c", "comment": "good"}]}}]}',
    "dart.json": '[{"tripleset": [["a", "b", "c"]], "annotations": [{"text": "a b c"}]}]',
    "data.txt": "name : Aromi||Aromi is a pub.\nname : Aromi||A pub, Aromi.\n",
}
ODD_TEXT = [
    *("\x00", "\ud800", "\\ud800", "\ufeff", '"', "{", "[" * 3000, "]", ",", "\r", "\t", "||", "|"),
    *("NaN", "1e999", "9" * 5000, "\\u0000", "null", "''", '""', "{}", "[]", "\u2028", "true"),
]
BASES = {
    "card": ("card", "--model", "{model}", "--data", "{data}"),
    "estimate": ("card", "--estimate", "--model", "{model}", "--data", "{data}"),
    "again": ("card", "--card", "{card}", "--output-dir", "./new"),
    "measured": ("card", "--card", "{card}", "--finetuned", "{runs}", "--output-dir", "./new"),
    "place": ("place", "{card}", "--budget", "1"),
    "written": ("place", "{card}", "--budget", "1", "--output-dir", "./new"),
    "finetune": ("finetune", "--model", "{model}", "--data", "{data}"),
    "placed": ("finetune", "--placement", "{placement}", "--model", "{model}", "--data", "{data}"),
    "compare": ("compare", "--model", "{model}", "--data", "{data}"),
    # No scheduler answers: what is accepted ends there.
    "simulate": ("simulate", "phase", "--dask", "nonsense://1"),
    "drawn": ("simulate", "phase", "--dask", "nonsense://1", "--card", "{card}"),
    "verify": ("verify", "--dask", "nonsense://1"),
    "demo": ("demo", "--layers", "99"),
}
CHECKPOINT = ("config.json", "tokenizer.json", "tokenizer_config.json")
OURS = ("card.json", "tangent.json", "placement.json", "runs.json")


COMMANDS: Any = typer.main.get_command(app)


@cache
def options(command: str) -> dict[str, Any]:
    """Every option of a command, as typer knows it."""
    found = {param.opts[0]: param for param in COMMANDS.commands[command].params}
    return {name: param for name, param in found.items() if name.startswith("--")}


@st.composite
def typed(draw: st.DrawFn) -> Case:
    """A command with one to three options of any value."""
    words = list(BASES[draw(st.sampled_from(sorted(BASES)))])
    known = options(words[0])
    # What is accepted must end without a scheduler, in seconds.
    never = {"--dask", "--jobs", "--workers"} if words[0] != "demo" else {"--layers"}
    for name in draw(
        st.lists(st.sampled_from(sorted(known.keys() - never)), min_size=1, max_size=3)
    ):
        words.append(name)
        if not known[name].is_flag:
            places = ("--model", "--data", "--heldout", "--card", "--finetuned", "--placement")
            a_path = name in places or name.endswith("-dir")
            odd = PATHS if a_path else [*NUMBERS, *TEXTS]
            words.append(draw(st.sampled_from(odd)))
    return {"words": words, "files": {}}


@st.composite
def edited(draw: st.DrawFn) -> Case:
    """A card, a placement or a fine-tuning result with one to three values replaced."""
    name = draw(st.sampled_from(OURS))
    edits = st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True), st.sampled_from([*VALUES, "<removed>"])),
        min_size=1,
        max_size=3,
    )
    base = {"placement.json": ["placed"], "runs.json": ["measured"]}.get(
        name, ["again", "place", "written", "drawn"]
    )
    words = list(BASES[draw(st.sampled_from(base))])
    if name == "tangent.json":
        words = [word.replace("{card}", "{tangent}") for word in words]
    return {"words": words, "files": {name: [list(edit) for edit in draw(edits)]}}


@st.composite
def of_a_stranger(draw: st.DrawFn) -> Case:
    """A checkpoint whose configuration or tokenizer has one or two values replaced."""
    name = draw(st.sampled_from(CHECKPOINT))
    edit = st.tuples(st.floats(0, 1, exclude_max=True), st.sampled_from([*VALUES, "<removed>"]))
    edits = [list(one) for one in draw(st.lists(edit, min_size=1, max_size=2))]
    words = [word.replace("{model}", "{stranger}") for word in BASES["estimate"]]
    return {"words": words, "files": {f"stranger/{name}": edits}}


def fields(value: st.SearchStrategy[Any], least: int = 0) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from(FIELDS), value, min_size=least, max_size=3)


# Nested by hand: st.recursive draws a hundred times as much as it keeps.
LEAVES = st.sampled_from(VALUES) | st.text(max_size=8)
INNER = LEAVES | fields(LEAVES)
ROWS = fields(INNER | st.lists(INNER, max_size=3) | fields(INNER), least=1)


@st.composite
def read(draw: st.DrawFn) -> Case:
    """A data file: rows of any fields and values, or a sound file with a piece replaced."""
    name = draw(st.sampled_from(sorted(DOCUMENTS)))
    if draw(st.booleans()):
        lines = [json.dumps(row) for row in draw(st.lists(ROWS, min_size=1, max_size=3))]
        text = "\n".join(lines) if draw(st.booleans()) else f"[{','.join(lines)}]"
    else:
        text = DOCUMENTS[name]
        at, length = draw(st.integers(0, len(text))), draw(st.integers(0, 12))
        text = (
            text[:at] + draw(st.sampled_from(ODD_TEXT) | st.text(max_size=4)) + text[at + length :]
        )
    words = [word.replace("{data}", "{here}/" + name) for word in BASES["estimate"]]
    words += draw(st.sampled_from([[], ["--column", "text"], ["--loss-on", "all"]]))
    return {"words": words, "files": {name: text}}


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(inner, (*path, key))


def replaced(record: Any, where: float | list[Any], value: Any) -> list[Any]:
    """Replace the value at a place, or at a share of all places, and return the place."""
    if isinstance(where, float):
        found = list(places(record))
        where = list(found[int(where * len(found))]) if found else []
    if not where:
        return where
    *above, last = where
    for key in above:
        record = record[key]
    if value == "<removed>":
        del record[last]
    else:
        record[last] = json.loads(json.dumps(value))  # a value of its own
    return where


class TooSlow(BaseException):
    """Past every ``except Exception``."""


Check = Callable[[Case], None]


@pytest.fixture(scope="module")
def check(
    tmp_path_factory: pytest.TempPathFactory,
    gpt2_folder: Path,
    task_file: Path,
    make_card: Callable[..., LayerCard],
    measured: LayerCard,
) -> Iterator[Check]:
    """Run one case in a folder of its own, and hold it to what is promised."""
    home = tmp_path_factory.mktemp("fuzz")
    model = home / "model"  # its weights cannot be read: whatever is accepted ends there
    model.mkdir()
    for path in gpt2_folder.iterdir():
        (model / path.name).write_bytes(b"" if "safetensors" in path.name else path.read_bytes())
    ours = home / "ours"
    make_card(layers=3).save(ours / "card.json")
    measured.save(ours / "tangent.json")
    placed = CliRunner().invoke(
        app, ["place", str(ours / "tangent.json"), "--budget", "2", "--output-dir", str(ours)]
    )
    assert placed.exit_code == 0, placed.output
    result = {
        "model": "tiny",
        "model_digest": "sha256:0",
        "layers": [1, 2],
        "options": {"rank": 8, "seed": 0},
        "loss_before": 3.0,
        "loss_after": 2.0,
        "gain": 1.0,
        "tokens_per_second": 100.0,
        "peak_memory_bytes": 1000,
        "adapter_bytes": 64,
        "latency": {"base_ms": 1.0, "adapted_ms": 1.2, "overhead": 0.2},
        "generation": None,
    }
    (ours / "runs.json").write_text(json.dumps({"runs": [result, result]}))
    (ours / "data.jsonl").write_bytes(task_file.read_bytes())
    before = Path.cwd()
    count = 0

    def prepared(case: Case) -> tuple[Path, list[str]]:
        nonlocal count
        count += 1
        here = home / f"case-{count}"
        shutil.copytree(ours, here)
        if any(name.startswith("stranger") for name in case["files"]):
            shutil.copytree(model, here / "stranger")
        os.mkfifo(here / "pipe")
        for name, content in case["files"].items():
            if isinstance(content, list):
                record = json.loads((here / name).read_text())
                for edit in content:
                    edit[0] = replaced(record, *edit)  # what is kept names the field
                content = json.dumps(record)
            (here / name).write_bytes(content.encode("utf-8", "surrogatepass"))
        known = {
            "here": here,
            "model": model,
            "data": here / "data.jsonl",
            "card": here / "card.json",
            "tangent": here / "tangent.json",
            "placement": here / "placement.json",
            "runs": here / "runs.json",
            "pipe": here / "pipe",
            "stranger": here / "stranger",
        }
        words = list(case["words"])
        for name, path in known.items():
            words = [word.replace(f"{{{name}}}", str(path)) for word in words]
        return here, words

    def checked(case: Case) -> None:
        here, words = prepared(case)
        os.chdir(here)
        held = sorted(here.rglob("*"))
        signal.signal(signal.SIGALRM, too_slow)
        signal.signal(signal.SIGPROF, too_slow)
        signal.setitimer(signal.ITIMER_PROF, SECONDS)  # of the processor, which others may share
        signal.alarm(10 * SECONDS)  # what waits uses none
        try:
            result = CliRunner().invoke(app, words)
        except BaseException as error:  # a panic of Rust is no Exception
            raise AssertionError(f"{json.dumps(case)}: {error!r}") from error
        finally:
            signal.alarm(0)
            signal.setitimer(signal.ITIMER_PROF, 0)
            os.chdir(before)
        made = sorted(set(here.rglob("*")) - set(held))
        ended = result.exception is None or isinstance(result.exception, SystemExit)
        if not ended:
            raise AssertionError(json.dumps(case)) from result.exception
        assert result.exit_code in (0, 2), (case, result.output)
        assert "Traceback" not in result.output, (case, result.output)
        assert result.exit_code == 0 or not made, (case, made, result.output)
        assert result.exit_code == 0 or result.stderr.strip(), case
        assert not [path for path in made if path.name.startswith(".") or ".tmp" in path.name]
        shutil.rmtree(here)

    failed: list[Case] = []

    def kept(case: Case) -> None:
        try:
            checked(case)
        except AssertionError:
            failed.append(case)
            raise

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
        # What takes as long as a case, and is the same in each.
        patch.setattr("typer.testing._get_command", lambda _: COMMANDS)
        patch.setattr(Machine, "measured", lambda *_: Machine(1e10, 1e10, 1e6))
        yield kept
    if failed:  # Hypothesis ends with the least
        known = CORPUS.read_text().splitlines()
        if (line := json.dumps(failed[-1])) not in known:
            CORPUS.write_text("\n".join([*known, line]) + "\n")


def too_slow(number: int, frame: FrameType | None) -> None:
    raise TooSlow(f"more than {SECONDS} s")


@pytest.mark.parametrize("line", CORPUS.read_text().splitlines())
def test_what_once_failed(check: Check, line: str) -> None:
    check(json.loads(line))


@settings(
    max_examples=CASES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(case=typed() | edited() | read() | of_a_stranger())
def test_nothing_breaks_it(check: Check, case: Case) -> None:
    check(case)
