"""Every figure and table: compute, store as JSON with its environment, plot."""
