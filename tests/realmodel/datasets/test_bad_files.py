"""Damaged and hostile data: exit code 2, one sentence, nothing written; the merely odd works."""

import gzip
import json
import os
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from realmodel.cli import app
from realmodel.datasets import Example, ReadOptions, read_examples
from realmodel.demo import checkpoint_folder
from realmodel.model.batches import encode
from theory import InputError

ROW = '{"prompt": "w1", "completion": " w2"}'
ROWS = "\n".join([ROW] * 4) + "\n"
ZIPPED = gzip.compress(ROWS.encode())
DEEP = "[" * 100_000
LONG = "9" * 5000
BAD: dict[str, tuple[bytes | str, str]] = {
    "empty.jsonl": ("", "is empty"),
    "blank.jsonl": ("\n\n \n", "is empty"),
    "badutf8.jsonl": (ROW.encode() + b'\n{"prompt":"\xff\xfe"}', "is not UTF-8 text"),
    "utf16.jsonl": (ROWS.encode("utf-16"), "UTF-16 text; save it as UTF-8"),
    "magic.gz": (b"\x1f\x8b", "damaged gzip"),
    "trunc.jsonl.gz": (ZIPPED[:-12], "damaged gzip"),
    "trail.jsonl.gz": (ZIPPED + b"junk", "damaged gzip"),
    "crc.jsonl.gz": (ZIPPED[:-8] + b"abcd" + ZIPPED[-4:], "damaged gzip"),
    "rows.zst": (b"\x28\xb5\x2f\xfd\x00\xff", "compressed with zstd; unpack it"),
    "model.pkl": (b"\x80\x04\x95\x00", "is not UTF-8"),
    "cut.parquet": (b"PAR1 nothing", "is damaged"),
    "cut.arrow": (b"\xff\xff\xff\xff\x10\x00", "is damaged"),
    "bigint.jsonl": (f'{{"prompt": {LONG}, "completion": "x"}}', "integer of thousands of digits"),
    "bigint2.jsonl": (f'{ROW}\n{{"prompt": {LONG}}}', "line 2: not JSON"),
    "bigint.json": (f"[{LONG}]", "integer of thousands of digits"),
    "deep.json": (DEEP, "is not JSON: it is nested too deeply"),
    "deep.jsonl": (f'{{"prompt": {DEEP}', "nested too deeply"),
    "deep2.jsonl": (f'{ROW}\n{{"prompt": {DEEP}', "line 2: not JSON"),
    "surrogate.jsonl": ('{"prompt": "w1 \\ud800", "completion": "w2"}', "surrogate pair"),
    "nan.jsonl": ('{"prompt": NaN, "completion": " w2"}', "line 1: prompt is NaN"),
    "infinite.jsonl": ('{"prompt": 1e400, "completion": " w2"}', "line 1: prompt is inf"),
    "nullc.jsonl": ('{"prompt": "w1", "completion": null}', "line 1: no completion"),
    "listf.jsonl": ('{"prompt": ["a"], "completion": {"b": 1}}', "line 1: prompt is ['a']"),
    "dup.jsonl": ('{"prompt": "a", "prompt": "b", "completion": "c"}', "'prompt' is given twice"),
    "keys.jsonl": (f'{ROW}\n{{"foo": 1, "bar": 2}}', "line 2: has fields ['bar', 'foo']"),
    "mixed.json": (f"[{ROW}, 3]", "row 2: expected a JSON object, got 3"),
    "array.json": ("[[1, 2], [3]]", "row 1: expected a JSON object"),
    "emptyarray.json": ("[]", "has no examples"),
    "emptyobject.json": ("{}", "has fields []"),
    "number.json": ("42", "cannot tell the format"),
    "string.json": ('"hello"', "cannot tell the format"),
    "prose.txt": ("Once upon a time, there was\na text.\n", "cannot tell the format"),
    "open.csv": ('prompt,completion\na,"b\n', "not CSV"),
    "quote.csv": ('prompt,completion\na,"b" c\n', "line 2: not CSV"),
    "unnamed.csv": ("prompt,,completion\na,b,c\n", "must name each column once; name them in"),
    "pretty.jsonl": ('{\n"prompt": "a",\n"completion": "b"}\n{\n}\n', "give one object a line"),
    "ragged.csv": ("prompt,completion\na\n", "line 2: 1 cells under 2 columns"),
    "header.csv": ("prompt,completion\n", "has no examples"),
    "strange.csv": ("x,y\n1,2\n", "line 2: has fields ['x', 'y']"),
    "e2e-open.csv": ('mr,ref\n"name[a],"unterminated\n', "not CSV"),
    "e2e-short.csv": ("mr,ref\nfoo\n", "line 2: no completion"),
    "e2e-header.csv": ("mr,ref\n", "has no examples"),
    "e2e-half.txt": ("name : a||\n", "line 1: no completion"),
    "e2e-none.txt": ("||x\n", "line 1: no context"),
    "e2e-later.txt": ("a||b\nno separator\n", "line 2: no completion"),
    "dart-two.json": (
        '[{"tripleset": [["a", "b"]], "annotations": [{"text": "x"}]}]',
        "not a DART",
    ),
    "dart-ints.json": (
        '[{"tripleset": [[1, "x", 3]], "annotations": [{"text": "x"}]}]',
        "DART row",
    ),
    "dart-null.json": ('[{"tripleset": null}, 5]', "entry 1: not a DART row"),
    "dart-none.json": ('[{"tripleset": [], "annotations": [{"text": "x"}]}]', "no prompt"),
    "dart-five.json": (
        '[{"tripleset": [["a", "b", "c"]], "annotations": [{"text": "x"}]}, 5]',
        "entry 2: not a DART row",
    ),
    "web-null.json": ('{"entries": [{"1": null}]}', "entry 1: not a WebNLG entry"),
    "web-five.json": ('{"entries": [5]}', "entry 1: not a WebNLG entry"),
    "web-empty.json": ('{"entries": [{}]}', "entry 1: not a WebNLG entry"),
    "web-object.json": ('{"entries": {"a": 1}}', "no entries in the file"),
    "web-ints.json": (
        '{"entries": [{"1": {"modifiedtripleset": [{"subject": 1, "property": 2, "object": 3}],'
        ' "lexicalisations": [{"lex": "x"}]}}]}',
        "entry 1: not a WebNLG entry",
    ),
    "web-lex.json": (
        '{"entries": [{"1": {"modifiedtripleset": [], "lexicalisations": [{"lex": null}]}}]}',
        "entry 1: not a WebNLG entry",
    ),
    "web-strings.json": (
        '{"entries": [{"1": {"modifiedtripleset": [], "lexicalisations": ["x"]}}]}',
        "entry 1: not a WebNLG entry",
    ),
    "web-none.json": (
        '{"entries": [{"1": {"modifiedtripleset": [], "lexicalisations": [{"lex": "x"}]}}]}',
        "entry 1: no prompt",
    ),
}
ODD: dict[str, tuple[str, int]] = {
    "bom.jsonl": ("\ufeff" + ROWS, 4),
    "crlf.jsonl": (ROWS.replace("\n", "\r\n"), 4),
    "cr.jsonl": (ROWS.replace("\n", "\r"), 4),
    "separators.jsonl": ('{"prompt": "a\u2028b\x85c", "completion": "de"}', 1),
    "nul.jsonl": ('{"prompt": "w1 \\u0000", "completion": " w2\\u0000"}', 1),
    "control.jsonl": ('{"prompt": "\\u001b[31mred", "completion": "w\\u001b]0;x\\u0007"}', 1),
    "numbers.jsonl": ('{"prompt": 3.5, "completion": true}', 1),
    "pretty.json": (json.dumps(json.loads(ROW), indent=2), 1),
    "long-cell.csv": (f"prompt,completion\na,{'b' * 200_000}\n", 1),
}


def refused(path: Path, output: Path, *options: str) -> str:
    """The one sentence with which ``card`` refuses a data file."""
    arguments = ["--model", str(checkpoint_folder("gpt2")), "--data", str(path)]
    result = CliRunner().invoke(
        app, ["card", *arguments, "--output-dir", str(output), *options], catch_exceptions=True
    )
    assert result.exit_code == 2, result.output
    assert isinstance(result.exception, SystemExit)
    assert not output.exists()
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert result.stderr.rstrip().endswith(line)
    assert all(mark.isprintable() for mark in line)
    assert len(line) < 700
    return line


@pytest.mark.parametrize("name", BAD)
def test_one_sentence(name: str, tmp_path: Path) -> None:
    content, message = BAD[name]
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    if path.suffix in (".parquet", ".arrow"):
        pytest.importorskip("pyarrow", reason="the extra 'data' is not installed")
    line = refused(path, tmp_path / "out")
    assert message in line
    assert str(tmp_path) in line or name in line


@pytest.mark.parametrize("name", ODD)
def test_odd_but_fine(name: str, tmp_path: Path) -> None:
    text, count = ODD[name]
    (tmp_path / name).write_bytes(text.encode())
    assert len(read_examples(tmp_path / name)) == count


def test_what_is_no_regular_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jsonl")
    for path in (tmp_path / "pipe.jsonl", Path("/dev/zero"), Path("/dev/null")):
        assert "it is not a regular file" in refused(path, tmp_path / "out")
    assert "No such file" in refused(tmp_path / "absent.jsonl", tmp_path / "out")
    assert "Not a directory" in refused(Path(__file__) / "x.jsonl", tmp_path / "out")
    assert "File name too long" in refused(tmp_path / ("x" * 5000), tmp_path / "out")
    (tmp_path / "loop.jsonl").symlink_to(tmp_path / "loop.jsonl")
    assert "symbolic links" in refused(tmp_path / "loop.jsonl", tmp_path / "out")
    with zipfile.ZipFile(tmp_path / "rows.zip", "w") as archive:
        archive.writestr("rows.jsonl", ROWS)
    assert "a zip archive" in refused(tmp_path / "rows.zip", tmp_path / "out")


def test_a_pipe_in_a_folder_is_passed_over(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jsonl")
    (tmp_path / "rows.jsonl").write_text(ROWS)
    assert len(read_examples(tmp_path)) == 4


def test_a_template_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text(ROWS)
    options = ("--chat-template", str(tmp_path / "absent.jinja"))
    assert "absent.jinja" in refused(tmp_path / "rows.jsonl", tmp_path / "out", *options)


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["user", "assistant", "x", "\ud800"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["role", "content", "from", "value", "text", "type"]), inner, max_size=3
        )
    ),
    max_leaves=8,
)
NAMES = """prompt completion instruction input output question answer choices messages text chosen
conversations system tools entries tripleset"""
names = st.sampled_from(NAMES.split())


def outcome(content: str | bytes) -> tuple[Example, ...] | str:
    """The examples of a file with this content, or the sentence that refuses it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "file")
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        try:
            return read_examples(path)
        except InputError as error:
            return str(error)


@given(st.lists(st.dictionaries(names, values, max_size=4) | values, max_size=3), st.booleans())
def test_any_rows_are_read_or_refused(rows: list[Any], as_lines: bool) -> None:
    found = outcome("\n".join(map(json.dumps, rows)) if as_lines else json.dumps(rows))
    if isinstance(found, str):
        assert len(found) < 1000
        assert "\n" not in found
    else:
        assert all(example.completion.strip() for example in found)


@given(st.binary(max_size=60) | st.text(max_size=60))
def test_any_bytes_are_read_or_refused(content: bytes | str) -> None:
    assert len(outcome(content)) < 1000


SHARED = Path(__file__).resolve().parents[4] / "shared" / "cases"
# What is refused, with a word of the reason; all other files of the folder are read.
REFUSED_DATA = {
    "dict_prompt.jsonl": "line 1: prompt is",
    "list_completion.jsonl": "line 1: completion is",
    "prompt_with_input.jsonl": "has input beside prompt",
    "two_schemas_in_row.jsonl": "prompt/completion and instruction/output",
    "question_only_mcq.jsonl": "none of the choices",
    "chatml_nan.jsonl": "line 1: completion is NaN",
    "nulls.jsonl": "line 4: no completion",
    "pref.jsonl": "is a preference",
    "implicit_pref.jsonl": "is a preference",
}
READ_BAD = {"bom.jsonl", "cr.jsonl", "crlf.jsonl", "ctl.jsonl", "good.jsonl.gz", "nul.jsonl"}
READ_BAD |= {"numf.jsonl", "unk.jsonl", "c3.csv"}


def files(folder: str) -> list[Path]:
    return sorted((SHARED / folder).iterdir()) if (SHARED / folder).is_dir() else []


@pytest.mark.shared
@pytest.mark.parametrize("path", files("data"), ids=lambda path: path.name)
def test_the_cases_of_data(path: Path) -> None:
    if path.name in REFUSED_DATA:
        with pytest.raises(InputError, match=REFUSED_DATA[path.name]):
            read_examples(path)
        if "pref" not in path.name:
            return
    column = "chosen" if "pref" in path.name else None
    template = (
        "{% for m in messages %}{{ m.role + ': ' + m.content + eos_token }}{% endfor %}"
        "{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}"
    )
    options = ReadOptions(column=column, chat_template=template)
    if path.suffix == ".parquet":
        pytest.importorskip("pyarrow", reason="the extra 'data' is not installed")
    examples = read_examples(path, options=options)
    assert len(examples) == 16
    from transformers import AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(checkpoint_folder("gpt2"))
    for row in encode(examples, tokenizer, max_length=512):
        assert row.input_ids.count(tokenizer.eos_token_id) in (1, 2)
        assert row.labels[-1] == tokenizer.eos_token_id != row.labels[-2]


@pytest.mark.shared
@pytest.mark.parametrize("path", files("bad"), ids=lambda path: path.name)
def test_the_bad_cases(path: Path, tmp_path: Path) -> None:
    if path.name in READ_BAD:
        assert read_examples(path)
    else:
        refused(path, tmp_path / "out")
