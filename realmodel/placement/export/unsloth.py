"""Placements as the arguments of ``unsloth.FastLanguageModel.get_peft_model``."""

from typing import Any, Final

from realmodel.placement.export.exported_placement import ExportedPlacement
from realmodel.placement.export.format import ExportFormat, Files, assigned, completed
from realmodel.placement.export.python_code import literal

CODE: Final = """

def load():
    from unsloth import FastLanguageModel

    model, tokenizer = FastLanguageModel.from_pretrained(MODEL, load_in_4bit=False)
    return FastLanguageModel.get_peft_model(model, **ARGUMENTS), tokenizer
"""


def _render(placement: ExportedPlacement) -> Files:
    given = placement.arguments
    leaves = [kind.rpartition(".")[2] for kind in placement.kinds]
    arguments: dict[str, Any] = {
        "r": given["r"],
        "lora_alpha": given["lora_alpha"],
        "lora_dropout": given["lora_dropout"],
        "bias": given["bias"],
        "target_modules": given["target_modules"],
        # Its own checkpointing runs backward to the embeddings, whichever layers are adapted.
        "use_gradient_checkpointing": False,
    }
    if given["rank_pattern"]:
        arguments |= {key: given[key] for key in ("rank_pattern", "alpha_pattern")}
    elif placement.is_product and len(set(leaves)) == len(leaves):
        # Short names are the ones that it has kernels for.
        arguments["target_modules"] = leaves
        arguments["layers_to_transform"] = list(placement.layers)
    head = f'"""LoRA placement chosen by layercard, for unsloth ({UNSLOTH.needs}).\n\n{NOTE}"""\n\n'
    model = f"MODEL = {placement.source!r}\n"
    return {"unsloth_model.py": head + model + literal("ARGUMENTS", arguments) + CODE}


NOTE: Final = """use_gradient_checkpointing is off: unsloth's runs backward to the embeddings, which
takes the saving of high layers. Where memory asks for it, set it to "unsloth".
"""


def _read(files: Files, depth: int) -> dict[str, Any]:
    arguments = dict(assigned(files["unsloth_model.py"], "ARGUMENTS"))
    del arguments["use_gradient_checkpointing"]
    return completed(arguments)


UNSLOTH: Final = ExportFormat(
    "unsloth",
    "layers_to_transform; rank_pattern is passed on to peft, read in 2026.10.9",
    _render,
    _read,
)
