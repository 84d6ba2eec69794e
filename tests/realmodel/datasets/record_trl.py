"""Record what TRL's SFTTrainer trains on into trl_tokens.json; run it where trl is installed.

The trainer is TRL's own, on rows of its own schemas; beside them stand the rows that layercard is
given. Tokenizers of ../shared that are absent keep their records.
"""

import importlib.metadata
import json
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
SHARED = (ROOT.parent / "shared").resolve()
RECORD = Path(__file__).with_name("trl_tokens.json")
TOKENIZERS = {
    "demo-gpt2": ROOT / "realmodel/demo/checkpoints/gpt2",
    "demo-qwen3": ROOT / "realmodel/demo/checkpoints/qwen3",
    "gpt2": SHARED / "data/tokenizer_gpt2",
    "qwen3": SHARED / "data/tokenizer_qwen3",
    "smollm2": SHARED.parent / "smollm2",  # made by ../shared/models/real/make_smollm2.py
}
TURN = "{{ '<|im_start|>' + message.role + '\n' }}"
BODY = "{{ message.content + '<|im_end|>\n' }}"
ASSISTANT = "{% if message.role == 'assistant' %}{% generation %}" + BODY + "{% endgeneration %}"
BEGIN = "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
CHATML = "{% for message in messages %}" + TURN + BODY + "{% endfor %}" + BEGIN
MARKED = (
    "{% for message in messages %}"
    + TURN
    + ASSISTANT
    + "{% else %}"
    + BODY
    + "{% endif %}{% endfor %}"
    + BEGIN
)


def message(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


SYSTEM = message("system", "Answer in one sentence.")
ASKED = message("user", "What is 2 plus 3?")
TOLD = message("assistant", "It is 5.")
AGAIN = message("user", "And 4 plus  4 — in words?\n")
LAST = message("assistant", "It's eight.")
TURNS = [[ASKED, TOLD], [SYSTEM, ASKED, TOLD, AGAIN, LAST], [ASKED, TOLD, AGAIN, LAST]]
PAIRS = [
    {"prompt": "The sky is", "completion": " blue."},
    {"prompt": "name : Aromi | area : riverside\n", "completion": "Aromi lies by the river ."},
    {"prompt": "Say unbeliev", "completion": "able things"},
    {"prompt": "x = 1", "completion": "2345\n"},
]
CHATS = [
    {"prompt": [ASKED], "completion": [TOLD]},
    {"prompt": [SYSTEM, ASKED, TOLD, AGAIN], "completion": [LAST]},
]


def shareable(turns: list[dict[str, str]]) -> list[dict[str, str]]:
    names = {"user": "human", "assistant": "gpt", "system": "system"}
    return [{"from": names[turn["role"]], "value": turn["content"]} for turn in turns]


def cases(has_template: bool) -> list[dict[str, Any]]:
    """Each: its name, the rows for TRL, the rows and options for layercard, TRL's settings."""
    template = None if has_template else CHATML
    conversations = [{"messages": turns} for turns in TURNS]
    made: list[dict[str, Any]] = [
        {"name": "prompt/completion", "trl": PAIRS},
        {
            "name": "instruction/input/output",
            "trl": [{"prompt": "Add.\n1 and 2\n", "completion": "3"}],
            "rows": [{"instruction": "Add.", "input": "1 and 2", "output": "3"}],
        },
        {
            "name": "question/answer",
            "trl": [{"prompt": "2 + 2?\n", "completion": "4"}],
            "rows": [{"question": "2 + 2?", "answer": "4"}],
        },
        {
            "name": "prompt/response",
            "trl": PAIRS,
            "rows": [{"prompt": p["prompt"], "response": p["completion"]} for p in PAIRS],
        },
        {"name": "text", "trl": [{"text": "The sky is blue."}, {"text": "x = 1\n"}]},
        {
            "name": "preference, column chosen",
            "trl": PAIRS,
            "rows": [
                {"prompt": p["prompt"], "chosen": p["completion"], "rejected": "no"} for p in PAIRS
            ],
            "options": {"column": "chosen"},
        },
        {"name": "conversational prompt/completion", "trl": CHATS, "template": template},
        {
            "name": "messages, all tokens",
            "trl": conversations,
            "template": template,
            "options": {"loss": "all"},
        },
        {
            "name": "messages, marked assistant turns",
            "trl": conversations,
            "template": MARKED,
            "settings": {"assistant_only_loss": True},
        },
        {
            "name": "messages, assistant turns by prefix",
            "trl": conversations,
            "template": CHATML,
            "trl_template": MARKED,
            "settings": {"assistant_only_loss": True},
        },
        {
            "name": "sharegpt",
            "trl": conversations,
            "rows": [{"conversations": shareable(turns)} for turns in TURNS],
            "template": MARKED,
            "settings": {"assistant_only_loss": True},
        },
        {
            "name": "implicit preference, column chosen",
            "trl": conversations,
            "rows": [{"chosen": turns, "rejected": [ASKED, LAST]} for turns in TURNS],
            "options": {"column": "chosen"},
            "template": MARKED,
            "settings": {"assistant_only_loss": True},
        },
    ]
    return made


def own_template(name: str) -> list[dict[str, Any]]:
    """TRL exchanges Qwen3's template for one that marks turns and keeps every empty thought."""
    if name != "qwen3":
        return []
    settings = {"assistant_only_loss": True}
    return [
        {
            "name": "messages of one turn, the checkpoint's own template",
            "trl": [{"messages": TURNS[0]}],
            "settings": settings,
        },
        {
            "name": "messages of two turns, TRL's template for training",
            "trl": [{"messages": turns} for turns in TURNS[1:]],
            "settings": settings,
            "keep_template": True,
        },
    ]


def trained_on(case: dict[str, Any], tokenizer: Any) -> tuple[list[dict[str, Any]], str | None]:
    """Input ids and labels of SFTTrainer, and the template that it put in place of the own."""
    import datasets
    import transformers
    import trl

    template = case.get("trl_template", case.get("template"))
    if template is not None:
        tokenizer.chat_template = template
    config = transformers.GPT2Config(
        vocab_size=len(tokenizer), n_embd=2, n_layer=1, n_head=1, n_positions=512
    )
    with tempfile.TemporaryDirectory() as folder:
        trainer = trl.SFTTrainer(
            model=transformers.GPT2LMHeadModel(config),
            args=trl.SFTConfig(
                output_dir=folder,
                max_length=None,
                report_to="none",
                use_cpu=True,
                bf16=False,
                **case.get("settings", {}),
            ),
            train_dataset=datasets.Dataset.from_list(case["trl"]),
            processing_class=tokenizer,
        )
    rows = [{key: row[key] for key in ("input_ids", "labels")} for row in trainer.train_dataset]
    return rows, trainer.chat_template


def load(name: str) -> Any:
    import transformers

    if name == "gpt2":
        return transformers.GPT2TokenizerFast.from_pretrained(TOKENIZERS[name])
    return transformers.AutoTokenizer.from_pretrained(TOKENIZERS[name])


def main() -> None:
    """Record every case for every tokenizer at hand."""
    record = json.loads(RECORD.read_text()) if RECORD.exists() else {"tokenizers": {}}
    packages = ("trl", "transformers", "datasets", "torch")
    record["versions"] = {name: importlib.metadata.version(name) for name in packages}
    for name, folder in TOKENIZERS.items():
        if not folder.is_dir():
            continue
        has_template = load(name).chat_template is not None
        kept: list[dict[str, Any]] = []
        for case in [*cases(has_template), *own_template(name)]:
            tokens, patched = trained_on(case, load(name))
            template = patched if case.get("keep_template") else case.get("template")
            kept.append(
                {
                    "name": case["name"],
                    "rows": case.get("rows", case["trl"]),
                    **({"trl_rows": case["trl"]} if "rows" in case else {}),
                    "options": case.get("options", {}) | {"chat_template": template},
                    "trl_settings": case.get("settings", {}),
                    "tokens": tokens,
                }
            )
            print(name, case["name"], len(tokens))
        record["tokenizers"][name] = kept
    lines = [f' "versions": {json.dumps(record["versions"])}']
    for name, kept in record["tokenizers"].items():
        # One case a line, so that a difference shows which.
        rows = ",\n   ".join(json.dumps(case, separators=(",", ":")) for case in kept)
        lines.append(f'  "{name}": [\n   {rows}\n  ]')
    head, *tokenizers = lines
    body = ",\n".join(tokenizers)
    RECORD.write_text(f'{{\n{head},\n "tokenizers": {{\n{body}\n }}\n}}\n')


if __name__ == "__main__":
    main()
