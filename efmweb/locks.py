"""Lock files: the kernel lets go of them when their holder ends, however it ends."""

import fcntl
import os
import time
from pathlib import Path
from typing import IO


def hold(path: Path) -> IO[str] | None:
    """Lock `path` and write our process id in it; None when another process holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = path.open("a+")
    for attempt in range(5):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            # `holder` may be looking at it just now, or the one before us may be on its way out.
            if attempt == 4:
                handle.close()
                return None
            time.sleep(0.1)
    handle.seek(0)
    handle.truncate()
    handle.write(str(os.getpid()))
    handle.flush()
    return handle


def holder(path: Path) -> int | None:
    """The process id of the keeper that holds `path`; None when nobody does."""
    try:
        with path.open() as handle:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return int(path.read_text() or 0)
    except FileNotFoundError:
        return None
    return None
