"""Every figure and table: compute, keep as JSON with its environment, draw; nothing twice."""
