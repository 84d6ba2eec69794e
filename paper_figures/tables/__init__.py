"""One table per module: ``inputs(preset)``, ``compute(...)`` and ``COLUMNS``, or ``tabulate``."""
