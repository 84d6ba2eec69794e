"""The commands of docs/data.md run, and do what the page says."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from realmodel.cli import app

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "data.md").read_text()
COMMANDS = [
    line
    for block in re.findall(r"^```bash\n(.*?)^```", PAGE, flags=re.M | re.S)
    for line in block.splitlines()
]
TEMPLATE = (
    "{% for m in messages %}{{ m.role + ': ' + m.content + eos_token }}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}"
)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """The files that the page names."""
    user, reply = {"role": "user", "content": "Hi."}, {"role": "assistant", "content": "Hello."}
    made: dict[str, str] = {
        "train.jsonl": json.dumps({"prompt": "The sky is", "completion": " blue."}),
        "chat.jsonl": json.dumps({"messages": [user, reply]}),
        "template.jinja": TEMPLATE,
        "preferences.jsonl": json.dumps({"prompt": "a", "chosen": "good", "rejected": "bad"}),
        "quiz.csv": "q,a,note\n2 + 2?,4,easy\n",
        "folder/train.jsonl": json.dumps({"text": "not read"}),
        "folder/dev.jsonl": json.dumps({"text": "held out"}),
    }
    (tmp_path / "folder").mkdir()
    for name, text in made.items():
        (tmp_path / name).write_text(text)
    return tmp_path


# What each command must show as trained, in the page's order.
END = "<|endoftext|>"
TRAINED = [
    f" blue.{END}",
    f"Hello.{END}",
    "Hello.<|im_end|>\n",
    f"good{END}",
    f"4{END}",
    f"held out{END}",
]


@pytest.mark.parametrize(("command", "trained"), list(zip(COMMANDS, TRAINED, strict=True)))
def test_commands_of_the_page(
    command: str, trained: str, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(files)
    program, *words = shlex.split(command)
    assert program == "layercard"
    result: Any = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    if "--json" not in words:
        assert f">>>{trained}<<<" in result.stdout
        result = CliRunner().invoke(app, [*words, "--json"])
    (shown,) = json.loads(result.stdout)["data"]["shown"]
    texts = [part["text"] for part in shown["parts"] if part["trained"]]
    assert "".join(texts).strip(" ") == trained.strip(" ")
    assert ": columns " in result.stderr
    if "quiz.csv" in words:
        assert "(not used: note)" in result.stderr
