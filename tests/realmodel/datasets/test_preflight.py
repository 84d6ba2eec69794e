"""What the doctor and the start of a card say about data, tokenizer and model."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel
from typer.testing import CliRunner

from realmodel.card.preflight import preflight
from realmodel.cli import app
from realmodel.datasets import Conversation, Example, ReadOptions, read_examples
from realmodel.demo import checkpoint_folder
from realmodel.measure.statistics.plan import data_digest
from realmodel.model.batches import IGNORED, EncodedExample, encode
from realmodel.model.checkpoint import Checkpoint, load_checkpoint
from realmodel.model.shown import parts
from theory import InputError

TEMPLATE = (
    "{% for m in messages %}{{ '[' + m.role + ']\n' + m.content + eos_token + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '[assistant]\n' }}{% endif %}"
)
QUESTIONS = [(f"What is {i} plus {i + 1}?", f"It is {2 * i + 1}.") for i in range(12)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny GPT-2 with the demo's tokenizer."""
    path = tmp_path_factory.mktemp("tiny") / "model"
    torch.manual_seed(0)
    tokenizer = load_checkpoint(checkpoint_folder("gpt2")).tokenizer
    config = GPT2Config(
        vocab_size=len(tokenizer),
        n_embd=16,
        n_layer=2,
        n_head=2,
        n_positions=128,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    GPT2LMHeadModel(config).save_pretrained(path)
    tokenizer.save_pretrained(path)
    return path


@pytest.fixture(scope="module")
def checkpoint(folder: Path) -> Checkpoint:
    return load_checkpoint(folder)


def rows(checkpoint: Checkpoint, count: int = 12) -> tuple[EncodedExample, ...]:
    examples = [Example(f"q:{i}", f"{q}\n", a) for i, (q, a) in enumerate(QUESTIONS[:count])]
    return encode(examples, checkpoint.tokenizer, max_length=128)


def written(path: Path, made: list[dict[str, Any]]) -> Path:
    path.write_text("\n".join(map(json.dumps, made)))
    return path


def run(*arguments: str) -> Any:
    result = CliRunner().invoke(app, [*arguments])
    assert result.exit_code == 0, result.output
    return result


def test_good_data_give_no_warning(checkpoint: Checkpoint) -> None:
    encoded = rows(checkpoint)
    found = preflight(checkpoint, encoded)
    assert found.warnings == ()
    assert (found.examples, found.left_out, found.repeated) == (12, 0, 0)
    assert found.tokens == sum(len(row.input_ids) for row in encoded)
    assert found.trained_tokens == sum(row.num_completion_tokens for row in encoded)
    assert found.batching_difference < 1e-5


def altered(row: EncodedExample, *, begin: tuple[int, ...] = (), silent: int = 0) -> EncodedExample:
    ids = (*begin, *([5] * silent), *row.input_ids)
    masked = (IGNORED,) * (len(ids) - len(row.input_ids))
    return replace(row, input_ids=ids, labels=(*masked, *row.labels))


@pytest.mark.parametrize(
    ("change", "left_out", "warning"),
    [
        (lambda rows, end: rows, 3, "3 of 15 examples (20.0%) are longer than the window"),
        (lambda rows, end: (*rows, rows[0]), 0, "1 of 13 examples repeat an earlier one"),
        (
            lambda rows, end: tuple(altered(row, begin=(end, end)) for row in rows[:2]) + rows[2:],
            0,
            "2 of 12 examples begin with two begin-of-sequence tokens",
        ),
        (
            lambda rows, end: tuple(
                replace(row, labels=(*(IGNORED for _ in row.labels[1:]), end))
                for row in (altered(row, silent=120 - len(row.input_ids)) for row in rows)
            ),
            0,
            "of the tokens are trained",
        ),
        (
            lambda rows, end: tuple(
                replace(row, input_ids=row.input_ids[:-1], labels=row.labels[:-1]) for row in rows
            ),
            0,
            "no example trains an end of sequence ('<|endoftext|>')",
        ),
    ],
)
def test_each_trouble_is_one_warning(
    change: Any, left_out: int, warning: str, checkpoint: Checkpoint
) -> None:
    encoded = change(rows(checkpoint), checkpoint.tokenizer.eos_token_id)
    found = preflight(checkpoint, encoded, left_out=left_out)
    (text,) = found.warnings
    assert warning in text


def test_a_tokenizer_of_another_model(checkpoint: Checkpoint) -> None:
    class Foreign:
        eos_token_id, pad_token_id, bos_token_id = checkpoint.tokenizer.eos_token_id, None, None
        eos_token, unk_token, unk_token_id = "<|endoftext|>", "<unk>", 7

        def __len__(self) -> int:
            return 100

    foreign = replace(checkpoint, tokenizer=Foreign())
    unknown = EncodedExample((5, 7, 7, 0), (IGNORED, 7, 7, 0), "u")
    small, strange = preflight(foreign, [unknown]).warnings[::-1]
    assert "the tokenizer has 100 tokens and the model's embedding" in small
    assert "67% of the trained tokens are unknown to the tokenizer ('<unk>')" in strange
    size = checkpoint.model.get_input_embeddings().weight.shape[0]
    beyond = EncodedExample((5, size), (IGNORED, size), "x:3")
    with pytest.raises(InputError, match=f"x:3: token {size} is beyond the {size} rows"):
        preflight(checkpoint, [beyond])


def test_a_model_that_reads_its_padding_is_noticed(checkpoint: Checkpoint) -> None:
    """Negative control: without mask and positions a padded sequence has another loss."""

    class Careless(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = checkpoint.model

        def get_input_embeddings(self) -> Any:
            return self.inner.get_input_embeddings()

        def forward(self, input_ids: torch.Tensor, **_: Any) -> Any:
            logits = self.inner(input_ids=input_ids).logits
            return SimpleNamespace(logits=logits + input_ids.shape[1] * logits)

    (warning,) = preflight(replace(checkpoint, model=Careless()), rows(checkpoint)).warnings
    assert "has another loss in a padded batch" in warning


def test_a_loss_that_is_not_finite_is_refused(checkpoint: Checkpoint) -> None:
    model = GPT2LMHeadModel(checkpoint.model.config).eval()
    with torch.no_grad():
        model.transformer.ln_f.weight.fill_(float("inf"))
    with pytest.raises(InputError, match=r"q:0: the loss is nan in float32: check the"):
        preflight(replace(checkpoint, model=model), rows(checkpoint, 1))


def test_parts_cover_the_example(checkpoint: Checkpoint) -> None:
    (row,) = rows(checkpoint, 1)
    prompt, completion = parts(row, checkpoint.tokenizer)
    assert (prompt.text, prompt.trained) == (f"{QUESTIONS[0][0]}\n", False)
    assert (completion.text, completion.trained) == (f"{QUESTIONS[0][1]}<|endoftext|>", True)
    assert prompt.tokens + completion.tokens == len(row.input_ids)


def test_doctor_shows_what_is_trained(folder: Path, tmp_path: Path) -> None:
    messages = [
        {
            "messages": [
                {"role": "user", "content": q},
                {"role": "assistant", "content": f"{a}\x1b["},
            ]
        }
        for q, a in (*QUESTIONS, QUESTIONS[0])
    ]
    data = written(tmp_path / "chat.jsonl", messages)
    (tmp_path / "t.jinja").write_text(TEMPLATE)
    arguments = ["doctor", "--model", str(folder), "--data", str(data)]
    arguments += ["--chat-template", str(tmp_path / "t.jinja")]
    page = run(*arguments)
    assert page.stdout.count(" tokens trained\n[user]\nWhat is ") == 3
    # No colour in a pipe: marks say what is trained; what the data hold cannot steer a terminal.
    assert page.stdout.count("[assistant]\n>>>It is ") == 3
    assert page.stdout.count("\\x1b[<|endoftext|>\n<<<") == 3
    assert "\x1b" not in page.stdout
    assert "13 examples, " in page.stdout
    assert "a card takes about: one pass " in page.stdout
    assert "warning: 1 of 13 examples repeat" in page.stdout
    assert f"{data}: columns messages" in page.stderr
    record = json.loads(run(*arguments, "--json", "--output-dir", str(tmp_path / "o")).stdout)
    assert record == json.loads((tmp_path / "o" / "doctor.json").read_text())
    assert [len(example["parts"]) for example in record["data"]["shown"]] == [2, 2, 2]
    assert record["data"]["repeated"] == 1


def test_doctor_wants_model_and_data_together(folder: Path) -> None:
    result = CliRunner().invoke(app, ["doctor", "--model", str(folder)])
    assert result.exit_code == 2
    assert "pass --model and --data together" in result.stderr


def card(folder: Path, data: Path, output: Path, *options: str) -> dict[str, Any]:
    quick = ["--directions=1", "--curvature-samples=2", "--tangent-samples=8", "--no-calibrate"]
    arguments = ["--model", str(folder), "--data", str(data), "--output-dir", str(output)]
    made = json.loads(run("card", *arguments, *quick, *options, "--json").stdout)
    assert made["data"].pop("source") == str(data)
    del made["created"]
    return made


def test_a_card_on_conversations_is_the_card_on_the_rendered_text(
    folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "t.jinja").write_text(TEMPLATE)
    options = ("--chat-template", str(tmp_path / "t.jinja"))
    chats = [
        {"prompt": [{"role": "user", "content": q}], "completion": [turn(a)]} for q, a in QUESTIONS
    ]
    messages = [{"messages": [*row["prompt"], *row["completion"]]} for row in chats]
    by_hand = [
        {
            "prompt": f"[user]\n{q}<|endoftext|>\n[assistant]\n",
            "completion": f"{a}<|endoftext|>\n",
        }
        for q, a in QUESTIONS
    ]
    made = [
        card(folder, written(tmp_path / "chats.jsonl", chats), tmp_path / "a", *options),
        card(folder, written(tmp_path / "messages.jsonl", messages), tmp_path / "b", *options),
        card(folder, written(tmp_path / "text.jsonl", by_hand), tmp_path / "c"),
    ]
    for record in made:
        del record["digest"]  # of the time and the place too
        record["data"].pop("reading", None)  # the options that the next commands repeat
    assert made[0] == made[2]
    assert made[1] == made[2]
    assert made[0]["data"]["completion_tokens"] < made[0]["data"]["tokens"]
    other = read_examples(tmp_path / "text.jsonl", options=ReadOptions(loss="all"))
    encoded = encode(other, load_checkpoint(folder).tokenizer, max_length=128)
    # Negative control: with every token trained the data are others.
    assert data_digest(encoded) != made[0]["data"]["digest"]


def turn(answer: str) -> dict[str, str]:
    return {"role": "assistant", "content": answer}


def conversation(*roles: str, **options: Any) -> Example:
    messages = tuple({"role": role, "content": f"text of {role}"} for role in roles)
    return Example("c:1", "p", "c", conversation=Conversation(messages, None, **options))


@pytest.mark.parametrize(
    ("template", "message"),
    [
        (None, "c:1: a conversation, but the tokenizer has no chat template; give a chat template"),
        (
            "{{ raise_exception('no system role') }}",
            "the chat template refuses this: no system role",
        ),
        ("{{ messages[0] ", "c:1: the chat template refuses this: unexpected"),
        ("{{ messages[1].content }}", r"leaves out message 1 \(role user\)"),
        ("{% for m in messages %}{{ m.content | upper }}{% endfor %}", "leaves out message 1"),
        (
            "{% for m in messages[:-1] %}{{ m.content }}{% endfor %}tail",
            "hides where assistant message 2 starts or ends",
        ),
        (
            "{% for m in messages if m.role == 'user' %}{{ m.content }}{% endfor %}",
            "hides where assistant message 2",
        ),
        (
            "{% for m in messages %}{{ m.content }}{% endfor %}{% if false %}{% generation %}"
            "{% endgeneration %}{% endif %}",
            "no token is trained",
        ),
    ],
)
def test_templates_that_cannot_be_used(
    template: str | None, message: str, checkpoint: Checkpoint
) -> None:
    example = conversation("user", "assistant", template=template)
    with pytest.raises(InputError, match=message):
        encode([example], checkpoint.tokenizer, max_length=64)


def test_a_template_that_leaves_functions_out(checkpoint: Checkpoint) -> None:
    plain = "{% for m in messages %}{{ m.content + eos_token }}{% endfor %}"
    calling = (
        "{{ tools | tojson }}{% for m in messages %}{{ m.content }}{{ m.tool_calls | default('') }}"
    )
    calling += "{{ eos_token }}{% endfor %}"
    calls = [{"type": "function", "function": {"name": "add", "arguments": {"a": 2}}}]
    asked = {"role": "user", "content": "2 + 3?"}
    turns = (asked, {"role": "assistant", "content": "", "tool_calls": calls})

    def encoded(messages: tuple[dict[str, Any], ...], template: str, tools: Any = None) -> Any:
        talk = Conversation(messages, 1, tools, template)
        example = Example("c:1", "p", "c", conversation=talk)
        return encode([example], checkpoint.tokenizer, max_length=512)

    with pytest.raises(InputError, match=r"leaves out message 2 \(role assistant\)"):
        encoded(turns, plain)
    with pytest.raises(InputError, match="leaves out the tools"):
        encoded((asked, turn("5")), plain, calls)
    assert encoded(turns, calling, calls)


def test_a_template_that_leaves_the_thoughts_out(checkpoint: Checkpoint) -> None:
    plain = "{% for m in messages %}{{ m.content + eos_token }}{% endfor %}"
    thinking = plain.replace("{{ m", "{{ m.reasoning_content | default('') }}{{ m")
    thought = {**turn("5"), "reasoning_content": "2 and 3 make 5"}
    asked = {"role": "user", "content": "2 + 3?"}

    def encoded(template: str, *messages: dict[str, Any]) -> Any:
        talk = Conversation(messages, None, None, template)
        example = Example("c:1", "p", "c", conversation=talk)
        return encode([example], checkpoint.tokenizer, max_length=512)

    with pytest.raises(InputError, match="leaves out the reasoning_content of the last assistant"):
        encoded(plain, asked, thought)
    assert encoded(thinking, asked, thought)
    assert encoded(plain, asked, thought, asked, turn("5"))


def test_a_panic_of_the_tokenizer_is_one_sentence() -> None:
    class PanicException(BaseException):
        """As pyo3's, which is no Exception."""

    class Tokenizer:
        eos_token_id = 0

        def __call__(self, text: str, **_: Any) -> Any:
            raise PanicException("index out of bounds")

    with pytest.raises(
        InputError, match=r"a:1: the tokenizer fails on this text: a library has panicked"
    ):
        encode([Example("a:1", "p", "c")], Tokenizer(), max_length=9)


def test_begin_of_sequence_once() -> None:
    class Beginning:
        """Puts <s> (1) before and, when closing, </s> (2) after; characters are tokens."""

        bos_token, bos_token_id, eos_token, eos_token_id = "<s>", 1, "</s>", 2

        def __call__(self, text: str, add_special_tokens: bool = True, **_: Any) -> Any:
            marked = text.replace("<s>", "\1").replace("</s>", "\2")
            ids = [ord(mark) if mark < " " else 100 + ord(mark) for mark in marked]
            return {"input_ids": [1, *ids, 2] if add_special_tokens else ids}

    a, b = 100 + ord("a"), 100 + ord("b")
    for prompt in ("a", "<s>a"):
        for completion in ("b", "b</s>"):
            (row,) = encode([Example("x", prompt, completion)], Beginning(), max_length=9)
            assert row.input_ids == (1, a, b, 2)
            assert row.labels == (IGNORED, IGNORED, b, 2)
