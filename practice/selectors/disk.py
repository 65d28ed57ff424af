"""How much room the disks have that work is written to, and what EFM_DISK_RESERVE keeps free of them."""

import errno
import shutil
from pathlib import Path

from django.conf import settings


def volume(folder: Path) -> shutil._ntuple_diskusage:
    """Total, used and free bytes of the volume of `folder`; a folder not made yet counts as its nearest parent."""
    folder = folder.resolve()
    return shutil.disk_usage(next(p for p in (folder, *folder.parents) if p.exists()))


def room(folder: Path) -> int:
    """Bytes that may be written to `folder`; negative where less is free than is kept free."""
    return int(volume(folder).free - settings.EFM_DISK_RESERVE)


def why_full(folder: Path, more: int = 0) -> str:
    """Why `more` bytes should not be written to `folder`, as half a sentence; "" while there is room for them."""
    free = volume(folder).free
    if free - more >= settings.EFM_DISK_RESERVE:
        return ""
    needed = f"the {more >> 20} MB that are needed and " if more else ""
    return (
        f"the disk has {free >> 20} MB left, less than {needed}the "
        f"{settings.EFM_DISK_RESERVE >> 20} MB that EFM_DISK_RESERVE_MB keeps free"
    )


def check_reserve(more: int = 0) -> None:
    """Whether work on its way may write `more` bytes, to the disk of the data folder and to that of the blobs.

    Raises:
        OSError: as a full disk would, but before it is full, for the database and the robots may live on it.
    """
    for folder in (Path(settings.EFM_VAR), Path(settings.EFM_BLOBS)):
        why = why_full(folder, more)
        if why:
            raise OSError(errno.ENOSPC, why)
