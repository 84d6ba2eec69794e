"""The bridge to real checkpoints: the only door to torch, transformers and peft."""

from realmodel.runs.reproducible import fix_code_path

fix_code_path()
