"""Speed of the theory, as ratios of two times measured in one run (``python -m simulate.bench``)."""
