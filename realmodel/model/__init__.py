"""The checkpoint: loading it, its linear maps, and what a short pass shows of them."""
