"""Speed of the theory: ratios of two times measured in one run (``python -m simulate.bench``)."""
