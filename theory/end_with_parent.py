"""Worker processes that end when their parent does, even when it was killed."""

import os
import threading
import time


def end_with_parent(parent: int) -> None:
    """Watch the parent from a thread: a killed one can tell its workers nothing.

    Parameters
    ----------
    parent
        Its process number, from ``os.getpid()`` there: it may be gone before this is called.
    """

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name="end-with-parent").start()
