"""Disks that are as full as a test wants them."""

import shutil
from collections.abc import Callable

import pytest
from django.conf import settings


def leave_room(monkeypatch: pytest.MonkeyPatch, room: Callable[[], int]) -> None:
    """Every disk has `room()` bytes more than are kept free; fewer than none means that the reserve is touched."""

    def usage(_place: object) -> object:
        free = settings.EFM_DISK_RESERVE + room()
        return shutil._ntuple_diskusage(1 << 50, (1 << 50) - free, free)

    monkeypatch.setattr(shutil, "disk_usage", usage)
