"""The bridge to real checkpoints: the only door to torch, transformers and peft."""
