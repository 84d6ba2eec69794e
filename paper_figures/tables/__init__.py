"""One table per module: ``inputs(preset)``, ``compute(...)`` and ``tabulate(data)``."""
