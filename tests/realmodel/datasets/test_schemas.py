"""Every schema that people have, in every container: read as meant, or refused by row and field."""

import gzip
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from realmodel.datasets import Example, ReadOptions, read_examples
from realmodel.datasets.split import split_by_prompt
from theory import InputError

ASKED = {"role": "user", "content": "2 + 3?"}
TOLD = {"role": "assistant", "content": "5"}
AGAIN = {"role": "user", "content": "4 + 4?"}
LAST = {"role": "assistant", "content": "8"}


def written(folder: Path, rows: list[Any] | str, name: str = "rows.jsonl") -> Path:
    path = folder / name
    text = rows if isinstance(rows, str) else "\n".join(json.dumps(row) for row in rows)
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    return path


def read(folder: Path, row: dict[str, Any], **options: Any) -> Example:
    path = written(folder, [row])
    (example,) = read_examples(path, options=ReadOptions(**options))
    return example


@pytest.mark.parametrize(
    ("row", "prompt", "completion"),
    [
        ({"prompt": "a", "completion": " b"}, "a", " b"),
        ({"prompt": "a", "response": "b"}, "a", "b"),
        ({"instruction": "a", "input": "", "output": "b"}, "a\n", "b"),
        ({"instruction": "a", "input": None, "output": "b"}, "a\n", "b"),
        ({"instruction": "a", "input": "i", "output": "b"}, "a\ni\n", "b"),
        ({"instruction": "a", "response": "b"}, "a\n", "b"),
        ({"instruction": "a", "context": "c", "response": "b"}, "a\nc\n", "b"),
        ({"system_prompt": "s", "question": "q", "response": "b"}, "s\nq\n", "b"),
        ({"query": "q", "response": "b"}, "q\n", "b"),
        ({"input": "i", "output": "b"}, "i\n", "b"),
        ({"question": "q", "answer": "b"}, "q\n", "b"),
        ({"question": "q", "choices": ["a", "b"], "answer": "b"}, "q\n", "b"),
        # A pair by name beats a stray field of another schema.
        ({"instruction": "a", "output": "long b", "answer": "b"}, "a\n", "long b"),
        ({"prompt": "a", "completion": 0}, "a", "0"),
        ({"prompt": "a", "completion": False}, "a", "false"),
        ({"prompt": 3.5, "completion": 29}, "3.5", "29"),
        ({"prompt": "a", "completion": "b\u0000"}, "a", "b\u0000"),
    ],
)
def test_text_schemas(row: dict[str, Any], prompt: str, completion: str, tmp_path: Path) -> None:
    example = read(tmp_path, row)
    assert (example.prompt, example.completion) == (prompt, completion)
    assert example.conversation is None
    assert example.loss == "completion"


def test_a_text_is_trained_as_a_whole_and_stands_for_itself(tmp_path: Path) -> None:
    path = written(tmp_path, [{"text": "one"}, {"text": "two"}])
    examples = read_examples(path)
    assert [(e.prompt, e.completion, e.loss) for e in examples] == [
        ("", "one", "all"),
        ("", "two", "all"),
    ]
    assert [e.references for e in examples] == [("one",), ("two",)]
    training, heldout = split_by_prompt(examples, seed=0)
    assert len(training) == len(heldout) == 1


@pytest.mark.parametrize(
    ("row", "length", "completion"),
    [
        ({"prompt": [ASKED], "completion": [TOLD]}, 1, "5"),
        ({"prompt": [ASKED, TOLD, AGAIN], "completion": [LAST]}, 3, "8"),
        ({"messages": [ASKED, TOLD, AGAIN, LAST]}, None, "5\n8"),
        ({"conversation": [ASKED, TOLD]}, None, "5"),
        (
            {
                "conversations": [
                    {"from": "human", "value": "2 + 3?"},
                    {"from": "gpt", "value": "5"},
                ]
            },
            None,
            "5",
        ),
        # Tables fill what a message lacks with nulls, and content may come in parts.
        (
            {
                "messages": [
                    {"role": "user", "content": [{"type": "text", "text": "2 + 3?"}]},
                    {**TOLD, "tool_calls": None},
                ]
            },
            None,
            "5",
        ),
        # The prompt of such rows is the first message of the conversation already.
        ({"prompt": "2 + 3?", "prompt_id": "x", "messages": [ASKED, TOLD]}, None, "5"),
    ],
)
def test_conversations(
    row: dict[str, Any], length: int | None, completion: str, tmp_path: Path
) -> None:
    example = read(tmp_path, row)
    assert example.conversation is not None
    assert example.conversation.prompt_length == length
    assert example.conversation.messages[:2] == (ASKED, TOLD)
    assert example.completion == completion
    assert example.prompt.startswith("user: 2 + 3?")


def test_a_system_prompt_beside_a_conversation_is_its_first_message(tmp_path: Path) -> None:
    example = read(tmp_path, {"system": "Add.", "conversations": [ASKED, TOLD], "tools": "[]"})
    assert example.conversation is not None
    assert example.conversation.messages[0] == {"role": "system", "content": "Add."}
    assert example.conversation.tools is None


@pytest.mark.parametrize(
    ("row", "options", "prompt", "completion"),
    [
        ({"prompt": "a", "chosen": "b", "rejected": "c"}, {"column": "chosen"}, "a", "b"),
        ({"chosen": "a b", "rejected": "a c"}, {"column": "chosen"}, "", "a b"),
        ({"chosen": [ASKED, TOLD], "rejected": []}, {"column": "chosen"}, "user: 2 + 3?", "5"),
        ({"prompt": [ASKED], "chosen": [TOLD]}, {"column": "chosen"}, "user: 2 + 3?", "5"),
        ({"prompt": "2", "chosen": [ASKED, TOLD]}, {"column": "chosen"}, "user: 2 + 3?", "5"),
        ({"instruction": "i", "output": "o", "text": "t"}, {"column": "text"}, "", "t"),
        (
            {"q": "a", "a": "b"},
            {"prompt_columns": ("q",), "completion_column": "a"},
            "a",
            "b",
        ),
        (
            {"prompt": "a", "input": "i", "completion": "b"},
            {"prompt_columns": ("prompt", "input")},
            "a\ni\n",
            "b",
        ),
        (
            {"question": "q", "choices": ["x", "y"], "answer": 1},
            {"completion_column": "answer"},
            "q",
            "1",
        ),
    ],
)
def test_named_columns(
    row: dict[str, Any], options: dict[str, Any], prompt: str, completion: str, tmp_path: Path
) -> None:
    example = read(tmp_path, row, **options)
    assert (example.prompt, example.completion) == (prompt, completion)


REFUSED = [
    ({"prompt": {"text": "a"}, "completion": "b"}, r"line 1: prompt is \{'text': 'a'\}; expected"),
    ({"prompt": "a", "completion": ["b"]}, r"line 1: completion is \['b'\]; .*role and content"),
    ({"prompt": "a", "completion": [TOLD]}, r"prompt is 'a' beside a conversation"),
    ({"prompt": "a", "input": "i", "completion": "b"}, r"has input beside prompt; name"),
    (
        {"prompt": "a", "completion": "b", "instruction": "c", "output": "d"},
        r"has prompt/completion and instruction/output; name the column",
    ),
    ({"instruction": "a", "output": "b", "text": "c"}, r"has instruction/output and text"),
    ({"messages": [ASKED, TOLD], "text": "c"}, r"has messages and text"),
    ({"question": "q", "choices": ["a", "b"], "answer": 1}, r"answer is 1, none of the choices"),
    (
        {"question": "q", "choices": {"text": ["x"], "label": ["A"]}, "answer": "A"},
        r"answer is 'A', none of the choices",
    ),
    ({"prompt": "a", "completion": float("nan")}, r"completion is NaN; expected text or a number"),
    ({"prompt": float("inf"), "completion": "b"}, r"prompt is inf; expected text or a number"),
    ({"prompt": "a", "completion": None}, r"line 1: no completion"),
    ({"prompt": "a", "completion": ""}, r"line 1: no completion"),
    ({"prompt": "a", "chosen": "b", "rejected": "c"}, r"is a preference .*; name the column"),
    ({"prompt": "a", "response": "b", "answer": "c"}, r"has answer and response; name the compl"),
    ({"prompt": "a", "completion": "b", "label": False}, r"label that this is no good completion"),
    ({"prompt": "a", "completion": "b", "label": "False"}, r"label that this is no good"),
    (
        {"question": "q", "options": {"A": "x", "B": "y"}, "answer": "B"},
        r"answer is 'B', none of the choices \['x', 'y'\]",
    ),
    ({"question": "q", "A": "x", "B": "y", "answer": "B"}, r"answer is 'B', the name of a column"),
    ({"messages": [ASKED, {**TOLD, "weight": 0}]}, r"message 2 says by its weight, 0, that it is"),
    ({"messages": [ASKED, {**TOLD, "train": False}]}, r"by its train, False, that it is not to"),
    (
        {"conversations": [{**ASKED, "from": "gpt"}, TOLD]},
        r"message 1 has from 'gpt' and role 'user'; keep one",
    ),
    (
        {"messages": [ASKED, {"role": "assistant", "tool_calls": "add(2, 3)"}]},
        r"message 2 has tool_calls 'add\(2, 3\)'; expected a list of calls",
    ),
    (
        {"messages": [ASKED, {"role": "assistant", "tool_calls": [{"function": "add"}]}]},
        r"message 2 has tool_calls .*; expected a list of calls, each with the name",
    ),
    ({"foo": 1, "bar": 2}, r"has fields \['bar', 'foo'\]; looked for prompt/completion"),
    ({"messages": "hello"}, r"messages is 'hello'; expected a list of messages"),
    ({"messages": []}, r"messages is \[\]; expected a list of messages"),
    ({"messages": [ASKED]}, r"no assistant message to train on"),
    ({"messages": [{"role": "wizard", "content": "x"}]}, r"message 1 has role 'wizard'; known"),
    ({"messages": [ASKED, 3]}, r"message 2 is 3; expected role and content"),
    ({"messages": [ASKED, {"role": "assistant"}]}, r"message 2 has content None"),
    ({"messages": [ASKED, {"role": "assistant", "content": " "}]}, r"message 2 .* is empty"),
    (
        {"messages": [{"role": "user", "content": [{"type": "image"}]}, TOLD]},
        r"message 1 has a part .*; only text",
    ),
    ({"messages": [ASKED, TOLD], "tools": "{"}, r"tools: expected a list of functions"),
    ({"prompt": "a \ud800", "completion": "b"}, r"prompt holds half of a surrogate pair"),
    ({"messages": [ASKED, {"role": "assistant", "content": "\udfff"}]}, r"surrogate pair"),
]


@pytest.mark.parametrize(("row", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_never_silently_wrong(row: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        read(tmp_path, row)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"column": "answer"},
            r"has no column 'answer'; its fields are \['completion', 'prompt'\]",
        ),
        ({"prompt_columns": ("q",)}, r"has no column 'q'"),
        ({"completion_column": "null"}, r"has no column 'null'"),
        ({"column": "a", "completion_column": "b"}, r"exclude each other"),
        ({"loss": "none"}, r"loss on 'none': choose one of completion, all"),
        (
            {"prompt_columns": ("completion",), "completion_column": "completion"},
            r"column 'completion' is named twice",
        ),
        ({"prompt_columns": ("prompt", "prompt")}, r"column 'prompt' is named twice"),
        ({"split": "test"}, r"has no split 'test', it is one file: leave the split out"),
        ({"subset": "main"}, r"has no subset 'main', it is one file"),
    ],
)
def test_options_that_do_not_fit(options: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        read(tmp_path, {"prompt": "a", "completion": "b"}, **options)


def test_columns_found_are_told_once_for_each_combination(tmp_path: Path) -> None:
    rows = [
        {"prompt": "a", "completion": "b", "id": 1},
        {"prompt": "c", "completion": "d", "id": 2},
        {"question": "q", "answer": "a"},
    ]
    told: list[str] = []
    path = written(tmp_path, rows)
    read_examples(path, tell=told.append)
    assert told == [
        f"{path}: columns prompt, completion (not used: id)",
        f"{path}: columns question, answer",
    ]


def test_a_template_without_a_conversation_is_told(tmp_path: Path) -> None:
    told: list[str] = []
    path = written(tmp_path, [{"prompt": "a", "completion": "b"}])
    read_examples(path, options=ReadOptions(chat_template="x"), tell=told.append)
    assert told[1:] == [
        f"{path}: no example is a conversation, so that the chat template is not used"
    ]
    written(tmp_path, [{"messages": [ASKED, TOLD]}])
    read_examples(path, options=ReadOptions(chat_template="x"), tell=told.append)
    assert len(told) == 3


def test_held_out_data_have_their_own_splits(tmp_path: Path) -> None:
    path = written(tmp_path, [{"prompt": "a", "completion": "b"}])
    options = ReadOptions(split="train", subset="main", column="text")
    assert options.of_other_data(path) == ReadOptions(column="text")
    assert options.of_other_data(tmp_path) == options
    assert options.of_other_data("n" * 300, "test") == replace(options, split="test")


ROWS = [{"prompt": "a, or b", "completion": "c"}, {"prompt": 'say "d"', "completion": "e\nf"}]
CONTAINERS = {
    "rows.jsonl": "\n".join(map(json.dumps, ROWS)),
    "rows": "\r".join(map(json.dumps, ROWS)),
    "rows.json": json.dumps(ROWS, indent=2),
    "wrapped.json": json.dumps({"version": 1, "data": ROWS}),
    "splits.json": json.dumps({"train": ROWS, "test": ROWS[:1]}),
    "viewer.json": json.dumps({"rows": [{"row_idx": i, "row": r} for i, r in enumerate(ROWS)]}),
    "columns.json": json.dumps({key: [row[key] for row in ROWS] for key in ROWS[0]}),
    "rows.csv": 'prompt,completion\n"a, or b",c\n"say ""d""","e\nf"\n',
    "rows.tsv": 'prompt\tcompletion\na, or b\tc\n"say ""d"""\t"e\nf"\n',
    "semicolons.csv": 'prompt;completion\n"a, or b";c\n"say ""d""";"e\nf"\n',
    "pandas.csv": ',prompt,completion\n0,"a, or b",c\n1,"say ""d""","e\nf"\n',
    "no-suffix": 'id,prompt,completion\n\n1,"a, or b",c\n2,"say ""d""","e\nf"\n',
}


@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gz"])
@pytest.mark.parametrize("name", CONTAINERS)
def test_text_containers(name: str, zipped: bool, tmp_path: Path) -> None:
    path = tmp_path / (name + ".gz" * zipped)
    data = ("\ufeff" + CONTAINERS[name]).encode()
    path.write_bytes(gzip.compress(data) if zipped else data)
    found = read_examples(path)
    assert [{"prompt": e.prompt, "completion": e.completion} for e in found] == ROWS


@pytest.mark.parametrize("name", ["rows.parquet", "rows.arrow", "rows.feather", "unnamed"])
def test_columnar_containers(name: str, tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="the extra 'data' is not installed")
    parquet = pytest.importorskip("pyarrow.parquet")

    table = pyarrow.Table.from_pylist([{**row, "tools": None} for row in ROWS])
    path = tmp_path / name
    if name in ("rows.parquet", "unnamed"):
        parquet.write_table(table, path)
    else:
        opened = pyarrow.ipc.new_stream if name == "rows.arrow" else pyarrow.ipc.new_file
        with opened(str(path), table.schema) as sink:
            sink.write_table(table)
    found = read_examples(path)
    assert [{"prompt": e.prompt, "completion": e.completion} for e in found] == ROWS
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(InputError, match="is damaged"):
        read_examples(path)


def test_a_conversation_in_parquet(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="the extra 'data' is not installed")
    parquet = pytest.importorskip("pyarrow.parquet")

    rows = [{"messages": [ASKED, {**TOLD, "name": "x"}]}]
    parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "m.parquet")
    (example,) = read_examples(tmp_path / "m.parquet")
    assert example.conversation is not None
    assert example.conversation.messages == (ASKED, {**TOLD, "name": "x"})
    assert example.id == "m.parquet:1"


def test_pyarrow_is_asked_for_when_it_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    path = tmp_path / "rows.parquet"
    path.write_bytes(b"PAR1 and more")
    with pytest.raises(InputError, match=r"needs pyarrow: run pip install 'layercard\[data\]'"):
        read_examples(path)


def test_a_folder_is_read_by_split(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    written(tmp_path, [{"prompt": "a", "completion": "1"}], "data/train-00000-of-00002.jsonl")
    written(tmp_path, "prompt,completion\nb,2\n", "data/train-00001-of-00002.csv")
    written(tmp_path, [{"prompt": "c", "completion": "3"}], "data/dev.json")
    written(tmp_path, "not data", "README.md")
    written(tmp_path, "{", ".hidden.json")
    assert [e.completion for e in read_examples(tmp_path)] == ["1", "2"]
    for split in ("dev", "validation"):
        found = read_examples(tmp_path, options=ReadOptions(split=split))
        assert [e.completion for e in found] == ["3"]
    with pytest.raises(InputError, match=r"no split 'test'; its file names say \['train', 'valid"):
        read_examples(tmp_path, options=ReadOptions(split="test"))


def test_a_folder_whose_names_say_no_split_is_read_whole(tmp_path: Path) -> None:
    written(tmp_path, [{"prompt": "a", "completion": "1"}], "b.jsonl")
    written(tmp_path, [{"prompt": "b", "completion": "2"}], "a.jsonl")
    assert [e.id for e in read_examples(tmp_path)] == ["a.jsonl:1", "b.jsonl:1"]


def test_what_datasets_saves_to_disk(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="the extra 'data' is not installed")

    made = datasets.Dataset.from_list(ROWS)
    made.save_to_disk(tmp_path / "one", num_shards=2)
    datasets.DatasetDict({"train": made, "test": made.select([1])}).save_to_disk(tmp_path / "two")
    for folder in ("one", "two"):
        found = read_examples(tmp_path / folder)
        assert [e.completion for e in found] == [row["completion"] for row in ROWS]
    (last,) = read_examples(tmp_path / "two", options=ReadOptions(split="test"))
    assert last.completion == ROWS[1]["completion"]
    with pytest.raises(InputError, match=r"no split 'dev'; it has \['train', 'test'\]"):
        read_examples(tmp_path / "two", options=ReadOptions(split="dev"))


def test_a_hub_data_set_by_its_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="the extra 'data' is not installed")
    monkeypatch.chdir(tmp_path)
    asked: list[Any] = []

    def load_dataset(name: str, subset: str | None, *, split: str) -> Any:
        asked.append((name, subset, split))
        if split == "dev":
            raise ValueError('Unknown split "dev".\nShould be one of ["train"].')
        return datasets.Dataset.from_list([{"question": "q", "answer": "a"}])

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    (example,) = read_examples("openai/gsm8k", options=ReadOptions(subset="main"))
    assert (example.id, example.prompt, example.completion) == ("openai/gsm8k:1", "q\n", "a")
    assert asked == [("openai/gsm8k", "main", "train")]
    with pytest.raises(InputError, match=r"the hub's answer is: Unknown split \"dev\". Should be"):
        read_examples("gsm8k", options=ReadOptions(split="dev"))
    # A file name is never looked up on the hub.
    with pytest.raises(InputError, match="No such file"):
        read_examples("data/train.jsonl")
    assert len(asked) == 2


def test_datasets_is_asked_for_when_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "datasets", None)
    with pytest.raises(InputError, match=r"a data set of the hub needs pip install 'layercard\["):
        read_examples("openai/gsm8k")


def test_a_table_of_the_wrong_kind_is_no_crash(tmp_path: Path) -> None:
    table = SimpleNamespace(names="prompt,prompt\na,b\n", wide="prompt,completion\na,b,c\n")
    with pytest.raises(InputError, match="must name each column once"):
        read_examples(written(tmp_path, table.names, "twice.csv"))
    with pytest.raises(InputError, match=r"line 2: 3 cells under 2 columns"):
        read_examples(written(tmp_path, table.wide, "wide.csv"))
    with pytest.raises(InputError, match=r"line 3: no completion"):
        read_examples(written(tmp_path, "prompt,completion\na,b\nc,\n", "gap.csv"))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"num_samples": 1.0}, "num_samples must be a whole number of at least 1, not 1.0"),
        ({"num_samples": True}, "num_samples must be a whole number of at least 1, not True"),
        ({"num_samples": "1"}, "num_samples must be a whole number of at least 1, not '1'"),
        ({"at_most": -1}, "at_most must be a whole number of at least 1, not -1"),
        ({"seed": -1}, "seed must be a whole number of at least 0, not -1"),
        ({"options": {"split": "test"}}, "expected a path or a name, and ReadOptions; got"),
    ],
)
def test_arguments_of_the_wrong_kind(given: dict[str, Any], message: str, tmp_path: Path) -> None:
    path = written(tmp_path, [{"prompt": "a", "completion": "b"}] * 3)
    with pytest.raises(InputError, match=message):
        read_examples(path, **given)
    for source in (None, 3, [path]):
        with pytest.raises(InputError, match="expected a path or a name"):
            read_examples(source)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="must be a tuple of names, not the text 'query'"):
        ReadOptions(prompt_columns="query")  # type: ignore[arg-type]
    assert len(read_examples(path, num_samples=np.int64(2), seed=np.int32(1))) == 2
    assert ReadOptions(prompt_columns=["a"]) == ReadOptions(prompt_columns=("a",))  # type: ignore[arg-type]
