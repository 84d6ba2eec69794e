"""A checkpoint, its modules, its batches, and LoRA on it."""
