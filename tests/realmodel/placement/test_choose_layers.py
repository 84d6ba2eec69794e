"""From a model, data and a LoraConfig to the chosen layers, and through Trainer."""

import json
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model

import realmodel
from realmodel.model.batches import encode
from realmodel.model.checkpoint import load_checkpoint
from theory import InputError

PLAN = realmodel.CardOptions(
    protocol=realmodel.FinetuneOptions(steps=20),
    one_pass=realmodel.PassOptions(tangent_samples=32),
)


@pytest.fixture
def rows(task_file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in task_file.read_text().splitlines()]


def test_the_layers_that_place_chooses(gpt2_folder: Path, rows: list[dict[str, Any]]) -> None:
    checkpoint = load_checkpoint(gpt2_folder)
    given = LoraConfig(r=2, lora_alpha=4, target_modules=["c_attn", "c_fc"], lora_dropout=0.1)
    checkpoint.model.train()
    found = realmodel.choose_layers(
        checkpoint.model, checkpoint.tokenizer, rows, given, budget=2, options=PLAN
    )
    assert checkpoint.model.training
    assert (found.r, found.lora_alpha, found.lora_dropout) == (2, 4, 0.1)
    assert given.target_modules == {"c_attn", "c_fc"}  # the caller's own is left alone
    assert found.fan_in_fan_out
    kinds = {name.split(".", 3)[3] for name in found.target_modules}
    layers = {int(name.split(".")[2]) for name in found.target_modules}
    assert kinds == {"attn.c_attn", "mlp.c_fc"}
    assert len(layers) == 2
    # The same rows, as a trainer has tokenised and padded them, say the same.
    encoded = encode(
        realmodel.read_examples(_saved(rows, gpt2_folder)), checkpoint.tokenizer, max_length=32
    )
    tokens = [
        {
            "input_ids": [*example.input_ids, 0],
            "labels": [*example.labels, -100],
            "attention_mask": [1] * len(example.input_ids) + [0],
        }
        for example in encoded
    ]
    again = realmodel.choose_layers(
        checkpoint.model, checkpoint.tokenizer, tokens, given, budget=2, options=PLAN
    )
    assert again.target_modules == found.target_modules


def test_by_module_and_in_a_shape(gpt2_folder: Path, rows: list[dict[str, Any]]) -> None:
    checkpoint = load_checkpoint(gpt2_folder)

    def targets(**options: Any) -> set[str]:
        found = realmodel.choose_layers(
            checkpoint.model, checkpoint.tokenizer, rows, LoraConfig(r=2), options=PLAN, **options
        )
        return set(found.target_modules)

    modules = targets(unit="module", budget=3)
    assert len(modules) == 3
    kinds = targets(unit="kind", objective="parameters", budget="50%")
    assert {name.split(".")[2] for name in kinds} == {"0", "1", "2", "3"}
    last = targets(budget=1, shape="suffix")
    assert {name.split(".")[2] for name in last} == {"3"}
    with pytest.raises(InputError, match="unknown unit 'head'"):
        targets(unit="head")
    with pytest.raises(InputError, match="has no meaning by kind"):
        targets(unit="kind", shape="suffix")


def _saved(rows: list[dict[str, Any]], folder: Path) -> Path:
    path = folder.parent / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_refusals(gpt2_folder: Path, rows: list[dict[str, Any]]) -> None:
    checkpoint = load_checkpoint(gpt2_folder)

    def choose(data: Any = rows, **options: Any) -> LoraConfig:
        config = LoraConfig(r=2, **options)
        return realmodel.choose_layers(
            checkpoint.model, checkpoint.tokenizer, data, config, budget=2, options=PLAN
        )

    with pytest.raises(InputError, match="regular expression"):
        choose(target_modules=r".*c_fc")
    with pytest.raises(InputError, match="no rows"):
        choose([])
    with pytest.raises(InputError, match="give a split"):
        choose({"train": rows})
    with pytest.raises(InputError, match="no token that is trained"):
        choose([{"input_ids": [1, 2], "labels": [-100, -100]}])
    with pytest.raises(InputError, match="row 1"):
        choose([{"other": 1}])
    only = choose(layers_to_transform=[1, 2], target_modules=["c_fc"])
    assert {int(name.split(".")[2]) for name in only.target_modules} == {1, 2}
    checkpoint.model.peft_config = {}
    with pytest.raises(InputError, match="adapters already"):
        choose()


@pytest.mark.parametrize("reentrant", [False, True])
def test_trainer_with_checkpointing(
    qwen3_folder: Path, rows: list[dict[str, Any]], tmp_path: Path, reentrant: bool
) -> None:
    """Every chosen module moves, and backward stops below the lowest of them."""
    from transformers import Trainer, TrainingArguments

    checkpoint = load_checkpoint(qwen3_folder)
    config = realmodel.choose_layers(
        checkpoint.model,
        checkpoint.tokenizer,
        rows,
        LoraConfig(r=2, task_type="CAUSAL_LM", layers_to_transform=[2, 3]),
        budget=1,
        options=PLAN,
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing.*")
        model = get_peft_model(checkpoint.model, config)
    lowest: list[bool] = []
    first = checkpoint.model.model.layers[0]
    first.register_forward_hook(lambda module, inputs, output: lowest.append(output.requires_grad))
    arguments = TrainingArguments(
        output_dir=str(tmp_path),
        max_steps=3,
        learning_rate=1e-2,
        per_device_train_batch_size=2,
        report_to=[],
        save_strategy="no",
        disable_tqdm=True,
        use_cpu=True,
        dataloader_pin_memory=False,
    )
    # Both names of the option, whichever this transformers knows.
    arguments.gradient_checkpointing = True
    arguments.gradient_checkpointing_kwargs = {"use_reentrant": reentrant}
    arguments.activation_checkpointing = True
    arguments.activation_checkpointing_kwargs = {"use_reentrant": reentrant}
    data = [{"input_ids": torch.arange(8), "labels": torch.arange(8)} for _ in range(6)]
    trainer = Trainer(
        model=model,
        args=arguments,
        train_dataset=data,  # type: ignore[arg-type]
        callbacks=[realmodel.StopBelowAdapters()],
    )
    if reentrant:
        with pytest.raises(InputError, match="use_reentrant"):
            trainer.train()
        return
    trainer.train()
    moved = {
        name.removeprefix("base_model.model.").split(".lora_")[0]
        for name, parameter in model.named_parameters()
        if ".lora_B." in name and bool(parameter.abs().max() > 0)
    }
    assert moved == set(config.target_modules)
    assert lowest
    assert not any(lowest)
    assert not checkpoint.model.get_input_embeddings()._forward_hooks or all(
        "_cut" not in str(hook)
        for hook in checkpoint.model.get_input_embeddings()._forward_hooks.values()
    )
