"""One figure per module: ``inputs(preset)``, ``compute(...)`` and ``plot(data)``."""
