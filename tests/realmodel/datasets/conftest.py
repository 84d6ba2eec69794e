"""Small files in the formats of the releases, written here; a tiny tokenizer and models."""

import json
from typing import Any

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel, Qwen3Config, Qwen3ForCausalLM

from realmodel.demo.recipe.tokenizer import train_tokenizer

E2E_LINES = """\
name : Aromi | Type : pub | family friendly : yes||Aromi is a pub for families .
name : Aromi | Type : pub | family friendly : yes||Bring the children to Aromi , a pub .

name : Zizzi | area : riverside||Zizzi lies by the river .
"""
E2E_CSV = """\
mr,ref
"name[Aromi], eatType[pub], familyFriendly[yes]","Aromi is a pub for families ."
"name[Aromi], eatType[pub], familyFriendly[yes]","Bring the children to Aromi , a pub ."
"name[Zizzi], area[riverside]",Zizzi lies by the river .
"""


def _webnlg(triples: list[tuple[str, str, str]], texts: list[tuple[str, str]]) -> dict[str, Any]:
    keys = ("subject", "property", "object")
    return {
        "modifiedtripleset": [dict(zip(keys, triple, strict=True)) for triple in triples],
        "lexicalisations": [{"comment": comment, "lex": text} for comment, text in texts],
    }


WEBNLG = json.dumps(
    {
        "entries": [
            {
                "1": _webnlg(
                    [("Oslo", "country", "Norway"), ("Oslo", "leader", "Ada")],
                    [("good", "Oslo is in Norway ."), ("bad", "x"), ("good", "Norway has Oslo .")],
                )
            },
            {"2": _webnlg([("Bergen", "rain", "much")], [("bad", "it rain")])},
            {"3": _webnlg([("Bergen", "rain", "much")], [("", "It rains in Bergen .")])},
        ]
    }
)
DART = json.dumps(
    [
        {
            "tripleset": [["Oslo", "COUNTRY", "Norway"]],
            "annotations": [{"source": "a", "text": "Oslo, Norway."}, {"text": "It is Oslo."}],
        },
        {"tripleset": [["Bergen", "RAIN", "much"]], "annotations": [{"text": "Wet Bergen."}]},
    ]
)
ROWS = [
    {"prompt": "The sky is", "completion": " blue||grey."},
    {"question": "2 + 2?", "answer": "4"},
    {"instruction": "Add.", "input": "1 and 2", "output": "3"},
]
JSONL = "\n".join(json.dumps(row) for row in ROWS) + "\n"
ARRAY = json.dumps(ROWS)


@pytest.fixture(scope="session")
def texts() -> dict[str, str]:
    return {
        "e2e-lines": E2E_LINES,
        "e2e-csv": E2E_CSV,
        "webnlg": WEBNLG,
        "dart": DART,
        "jsonl": JSONL,
        "array": ARRAY,
    }


@pytest.fixture(scope="session")
def tokenizer() -> Any:
    return train_tokenizer([E2E_LINES], vocab_size=280, window=64)


@pytest.fixture(scope="session", params=["gpt2", "qwen3"])
def model(request: pytest.FixtureRequest) -> Any:
    torch.manual_seed(0)
    if request.param == "gpt2":
        config = GPT2Config(
            vocab_size=280, n_positions=64, n_embd=16, n_layer=2, n_head=2, initializer_range=0.3
        )
        return GPT2LMHeadModel(config).double().eval()
    return (
        Qwen3ForCausalLM(
            Qwen3Config(
                vocab_size=280,
                max_position_embeddings=64,
                hidden_size=16,
                intermediate_size=32,
                num_hidden_layers=2,
                num_attention_heads=2,
                num_key_value_heads=1,
                head_dim=8,
                initializer_range=0.3,
            )
        )
        .double()
        .eval()
    )
