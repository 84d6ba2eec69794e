"""A causal language model as the bridge sees it: checkpoint, modules, batches, adapters."""
