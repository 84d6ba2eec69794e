"""The bridge to real checkpoints: the only door to torch, transformers and peft.

The road of the data, room by room: ``datasets`` and ``model`` give examples and modules,
``measure`` passes over them, ``costs`` prices adapters, ``card`` keeps the record, ``placement``
chooses and exports, ``report`` shows, ``finetuning`` trains, ``evidence`` compares scores with
outcomes.
A name is loaded when it is first asked for.
"""

import lazy_loader

from realmodel.runs.reproducible import fix_code_path

fix_code_path()

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
