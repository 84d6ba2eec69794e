"""The local quadratic model of fine-tuning: statements, bounds and placements, in float64.

Pure functions and frozen dataclasses over NumPy and SciPy. Symbols follow ``docs/theory.md``.
A name is loaded when it is first asked for, from where ``__init__.pyi`` says that it lives.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
