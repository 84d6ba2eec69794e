"""Input ids and labels are those of TRL's SFTTrainer, as record_trl.py recorded them."""

import functools
import json
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer, GPT2TokenizerFast

from realmodel.datasets import ReadOptions, read_examples
from realmodel.model.batches import encode
from realmodel.model.shown import parts

ROOT = Path(__file__).resolve().parents[3]
RECORD = json.loads(Path(__file__).with_name("trl_tokens.json").read_text())
EMBEDDED = ("demo-gpt2", "demo-qwen3")
CASES = [
    pytest.param(
        name,
        case,
        id=f"{name}: {case['name']}",
        marks=[] if name in EMBEDDED else [pytest.mark.shared],
    )
    for name, cases in RECORD["tokenizers"].items()
    for case in cases
]


@functools.cache
def tokenizer_of(name: str) -> Any:
    if name in EMBEDDED:
        folder = ROOT / "realmodel/demo/checkpoints" / name.removeprefix("demo-")
        return AutoTokenizer.from_pretrained(folder)
    shared = (ROOT.parent / "shared").resolve()
    folder = shared.parent / name if name == "smollm2" else shared / "data" / f"tokenizer_{name}"
    if not folder.is_dir():
        pytest.skip(f"no tokenizer at {folder}")
    kind = GPT2TokenizerFast if name == "gpt2" else AutoTokenizer
    return kind.from_pretrained(folder)


def encoded_rows(name: str, case: dict[str, Any], folder: Path) -> list[dict[str, Any]]:
    path = folder / "rows.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in case["rows"]))
    examples = read_examples(path, options=ReadOptions(**case["options"]))
    found = encode(examples, tokenizer_of(name), max_length=512)
    return [{"input_ids": list(e.input_ids), "labels": list(e.labels)} for e in found]


@pytest.mark.parametrize(("name", "case"), CASES)
def test_tokens_and_labels_are_the_trainers(
    name: str, case: dict[str, Any], tmp_path: Path
) -> None:
    assert encoded_rows(name, case, tmp_path) == case["tokens"]


def test_the_record_holds_every_schema_and_says_who_made_it() -> None:
    assert RECORD["versions"].keys() >= {"trl", "transformers"}
    assert RECORD["tokenizers"].keys() == {*EMBEDDED, "gpt2", "qwen3", "smollm2"}
    for cases in RECORD["tokenizers"].values():
        assert len(cases) >= 12
        for case in cases:
            trained = [[label != -100 for label in row["labels"]] for row in case["tokens"]]
            assert all(map(any, trained))
            whole = case["name"] == "text" or case["options"].get("loss") == "all"
            assert all(map(all, trained)) == whole


def test_a_tokenizer_without_offsets_finds_the_same_turns(tmp_path: Path) -> None:
    class Slow:
        """A tokenizer in Python, which cannot say where in the text a token is."""

        is_fast = False

        def __call__(self, text: str, **options: Any) -> Any:
            assert "return_offsets_mapping" not in options
            return fast(text, **options)

        def __getattr__(self, name: str) -> Any:
            return getattr(fast, name)

    fast = tokenizer_of("demo-gpt2")
    for case in RECORD["tokenizers"]["demo-gpt2"]:
        path = tmp_path / "rows.jsonl"
        path.write_text("\n".join(json.dumps(row) for row in case["rows"]))
        examples = read_examples(path, options=ReadOptions(**case["options"]))
        assert encode(examples, Slow(), max_length=512) == encode(examples, fast, max_length=512)


def test_a_template_that_renders_the_last_turn_differently(tmp_path: Path) -> None:
    """Qwen3's own habit: an empty thought in the last turn alone."""
    template = (
        "{% for m in messages %}{{ '[' + m.role + ']' }}"
        "{% if loop.last and m.role == 'assistant' %}{{ '(thought)' }}{% endif %}"
        "{{ m.content + eos_token }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '[assistant]' }}{% endif %}"
    )
    turns = [(role, f"{role} {i}") for i in range(3) for role in ("user", "assistant")]
    row = {"messages": [{"role": role, "content": text} for role, text in turns]}
    (tmp_path / "rows.jsonl").write_text(json.dumps(row))
    examples = read_examples(tmp_path / "rows.jsonl", options=ReadOptions(chat_template=template))
    tokenizer = tokenizer_of("demo-gpt2")
    (encoded,) = encode(examples, tokenizer, max_length=512)
    trained = [part.text for part in parts(encoded, tokenizer) if part.trained]
    end = tokenizer.eos_token
    assert trained == [f"assistant 0{end}", f"assistant 1{end}", f"(thought)assistant 2{end}"]


def test_another_loss_would_be_noticed(tmp_path: Path) -> None:
    """Negative control: the comparison fails when the prompt is trained too."""
    case = RECORD["tokenizers"]["demo-gpt2"][0]
    wrong = case | {"options": {"loss": "all"}}
    assert encoded_rows("demo-gpt2", wrong, tmp_path) != case["tokens"]
