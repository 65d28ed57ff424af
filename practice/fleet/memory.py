"""How this process keeps memory between ticks."""

from __future__ import annotations

import ctypes

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
"""Names of glibc's options (malloc.h)."""

_LARGEST = 32 * 2**20
"""Bytes: the largest block glibc may be told to keep."""


def keep_freed_memory() -> None:
    """Have freed blocks kept for the next tick instead of handed back to the system.

    A forward of a picture model allocates and frees the same few megabytes every time; getting them
    from the system anew, page by page, took a fifth of its time. Where the C library is another
    one, nothing happens.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    mallopt(_M_MMAP_THRESHOLD, _LARGEST)
    mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
