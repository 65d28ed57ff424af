"""A process that must not outlive the one that started it, whatever it is at."""

from __future__ import annotations

import os
import threading
import time

ORPHANED = 75
"""Exit status of a process whose parent is gone."""


def end_with_parent() -> None:
    """From now on, end this process at once when its parent is gone."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os._exit(ORPHANED)

    threading.Thread(target=watch, daemon=True).start()
