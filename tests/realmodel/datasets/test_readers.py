import gzip
from pathlib import Path

import pytest

from realmodel.datasets import Example, group_references, read_examples
from theory import InputError

# For each file of conftest: the (prompt, completion) pairs, written out by hand.
AROMI = "name : Aromi | Type : pub | family friendly : yes\n"
E2E_PAIRS = [
    (AROMI, "Aromi is a pub for families ."),
    (AROMI, "Bring the children to Aromi , a pub ."),
    ("name : Zizzi | area : riverside\n", "Zizzi lies by the river ."),
]
ROW_PAIRS = [
    ("The sky is", " blue||grey."),
    ("2 + 2?\n", "4"),
    ("Add.\n1 and 2\n", "3"),
]
OSLO = "Oslo : country : Norway | Oslo : leader : Ada\n"
EXPECTED = {
    "e2e-lines": E2E_PAIRS,
    "e2e-csv": E2E_PAIRS,
    "webnlg": [
        (OSLO, "Oslo is in Norway ."),
        (OSLO, "Norway has Oslo ."),
        ("Bergen : rain : much\n", "It rains in Bergen ."),
    ],
    "dart": [
        ("Oslo : country : Norway\n", "Oslo, Norway."),
        ("Oslo : country : Norway\n", "It is Oslo."),
        ("Bergen : rain : much\n", "Wet Bergen."),
    ],
    "jsonl": ROW_PAIRS,
    "array": ROW_PAIRS,
}
FORMAT = {"e2e-lines": "e2e", "e2e-csv": "e2e", "array": "jsonl"}


def pairs(examples: tuple[Example, ...]) -> list[tuple[str, str]]:
    return [(example.prompt, example.completion) for example in examples]


def written(tmp_path: Path, text: str, *, zipped: bool = False, name: str = "task.data") -> Path:
    path = tmp_path / name
    path.write_bytes(gzip.compress(text.encode()) if zipped else text.encode())
    return path


@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gz"])
@pytest.mark.parametrize("kind", EXPECTED)
def test_every_format_is_found_by_content(
    kind: str, zipped: bool, texts: dict[str, str], tmp_path: Path
) -> None:
    # The name says nothing: gzip too is recognised by content.
    path = written(tmp_path, texts[kind], zipped=zipped)
    assert pairs(read_examples(path)) == EXPECTED[kind]
    assert pairs(read_examples(path, format=FORMAT.get(kind, kind))) == EXPECTED[kind]


def test_windows_line_ends_and_byte_order_mark(texts: dict[str, str], tmp_path: Path) -> None:
    path = written(tmp_path, "\ufeff" + texts["e2e-lines"].replace("\n", "\r\n"))
    assert pairs(read_examples(path)) == E2E_PAIRS


def test_references_are_grouped_by_prompt(texts: dict[str, str], tmp_path: Path) -> None:
    path = written(tmp_path, texts["e2e-lines"])
    both = tuple(completion for _, completion in E2E_PAIRS[:2])
    assert [example.references for example in read_examples(path)] == [
        both,
        both,
        (E2E_PAIRS[2][1],),
    ]
    groups = group_references(read_examples(path))
    assert [(group.prompt, group.references) for group in groups] == [
        (AROMI, both),
        (E2E_PAIRS[2][0], (E2E_PAIRS[2][1],)),
    ]


def test_a_drawn_example_keeps_the_references_of_the_whole_file(
    texts: dict[str, str], tmp_path: Path
) -> None:
    path = written(tmp_path, texts["e2e-lines"])
    everything = read_examples(path)
    for seed in range(5):
        drawn = read_examples(path, num_samples=2, seed=seed)
        assert drawn == read_examples(path, num_samples=2, seed=seed)
        # File order, no repetition, references as in the full reading.
        places = [everything.index(example) for example in drawn]
        assert len(places) == 2
        assert places == sorted(set(places))
    assert len({read_examples(path, num_samples=1, seed=seed) for seed in range(20)}) == 3


def test_ids_name_the_line(texts: dict[str, str], tmp_path: Path) -> None:
    path = written(tmp_path, texts["e2e-lines"], name="valid.txt.gz", zipped=True)
    assert [example.id for example in read_examples(path)] == [
        "valid.txt:1",
        "valid.txt:2",
        "valid.txt:4",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        (" \n \n", "is empty"),
        ("name : A||fine\nname : B||\n", r"task\.data: line 2: no completion in 'name : B\|\|'"),
        ("name : A||fine\nname : B\n", r"line 2: no completion in 'name : B'"),
        ("name : A||fine\n||text\n", r"line 2: no context"),
        ('mr,ref\n"name[A]",fine\n"name[B]",\n', r"line 3: no completion"),
        ("mr,ref\nplain,fine\n", r"line 2: no name\[value\] attributes in 'plain'"),
        ('{"prompt": "a", "completion": "b"}\n{"prompt": "c"}\n', r"line 2: no completion"),
        ('{"prompt": "a", "completion": "b"}\n{"prompt": "c"\n', r"line 2: not JSON"),
        ('{"prompt": "a", "completion": "b"}\n[1]\n', r"line 2: expected a JSON object"),
        ('{"prompt": "a", "completion": "b"}\n{"x": "c"}\n', r"line 2: has fields \['x'\]"),
        ('{"question": "a", "answer": null}\n', r"line 1: no answer"),
        ('[{"instruction": "a", "output": "b"}, 3]', r"row 2: expected a JSON object, got 3"),
        ('{"entries": []}', r"no entries"),
        ('{"entries": [{"7": {"lexicalisations": []}}]}', r"entry 7: not a WebNLG entry"),
        (
            '{"entries": [{"7": {"modifiedtripleset": [], "lexicalisations": []}}]}',
            r"entry 7: no completion",
        ),
        ('[{"tripleset": [["a", "b", "c"]], "annotations": []}]', r"entry 1: no completion"),
        ('[{"tripleset": [["a", "b"]], "annotations": []}]', r"entry 1: not a DART row"),
        ("once upon a time\n", "cannot tell the format .* starts with 'once upon a time'"),
        ("[]", "has no examples"),
        ('{"a": 1}', r"line 1: has fields \['a'\]; looked for prompt/completion"),
        ("{}", r"line 1: has fields \[\]"),
        ('{"a": [{"prompt": "x"}], "b": [{"prompt": "y"}]}', r"lists \['a', 'b'\]; name the split"),
    ],
)
def test_bad_files_are_named(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        read_examples(written(tmp_path, text))


def test_files_that_cannot_be_read(texts: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read data file .*absent.*No such file"):
        read_examples(tmp_path / "absent.txt")
    with pytest.raises(InputError, match=r"folder .* has no data file; looked for \.jsonl"):
        read_examples(tmp_path)
    damaged = tmp_path / "cut.gz"
    damaged.write_bytes(gzip.compress(texts["e2e-lines"].encode())[:-20])
    with pytest.raises(InputError, match="damaged gzip"):
        read_examples(damaged)
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe\x00||")
    with pytest.raises(InputError, match="not UTF-8"):
        read_examples(binary)


def test_options_that_do_not_fit_the_file(texts: dict[str, str], tmp_path: Path) -> None:
    path = written(tmp_path, texts["e2e-lines"])
    with pytest.raises(InputError, match="unknown data format 'xml'; known formats: webnlg"):
        read_examples(path, format="xml")
    with pytest.raises(InputError, match="does not look like dart"):
        read_examples(path, format="dart")
    for number, told in ((0, "of at least 1, not 0"), (4, "4 samples asked .* has 3 examples")):
        with pytest.raises(InputError, match=told):
            read_examples(path, num_samples=number)


def test_a_blank_example_is_refused() -> None:
    with pytest.raises(InputError, match="a:1: the prompt is empty"):
        Example("a:1", " \n", "text")
    with pytest.raises(InputError, match="a:1: the completion is empty"):
        Example("a:1", "text", "")


@pytest.mark.shared
@pytest.mark.parametrize(
    ("file", "count", "prompts"),
    [
        ("e2e/valid.txt.gz", 4672, 547),
        ("e2e/devset.csv.gz", 4672, 547),
        ("webnlg/dev.json.gz", 2258, 870),
        ("dart/dart-v1.1.1-full-dev.json.gz", 6980, 2721),
        ("gsm8k/train.jsonl.gz", 7473, 7473),
        ("arc_easy/train.json.gz", 2251, 2251),
    ],
)
def test_the_original_releases(shared: Path, file: str, count: int, prompts: int) -> None:
    examples = read_examples(shared / "data" / file)
    assert len(examples) == count
    assert len(group_references(examples)) == prompts


@pytest.mark.shared
def test_both_e2e_releases_give_the_same_prompts(shared: Path) -> None:
    # The line format is tokenised ("£ 20"), so spaces inside values differ.
    lines, table = (
        {example.prompt.replace(" ", "") for example in read_examples(shared / "data/e2e" / name)}
        for name in ("valid.txt.gz", "devset.csv.gz")
    )
    assert lines == table
