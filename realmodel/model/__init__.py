"""The checkpoint: its modules, its tokens, its targets."""
