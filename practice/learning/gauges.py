"""How much memory a device has, and how much of it this process has taken at most."""

from __future__ import annotations

import os
import resource
from pathlib import Path
from typing import Protocol

import torch

_CGROUP = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)
_STATUS = Path("/proc/self/status")


class Gauge(Protocol):
    """Of one device, from the moment it was made."""

    device: str
    """As torch calls it."""

    total: int
    """Bytes that this process may have."""

    def peak(self) -> int:
        """Most bytes taken since."""
        ...

    def settle(self) -> None:
        """Wait until the device has done what it was asked to."""
        ...


class CudaGauge:
    """What torch has allocated on the GPU; what CUDA itself takes is no longer free."""

    device = "cuda"

    def __init__(self) -> None:
        """Makes the context, so that its memory counts as gone."""
        torch.zeros(1, device="cuda")
        self.total = int(torch.cuda.mem_get_info()[0])
        torch.cuda.reset_peak_memory_stats()

    def peak(self) -> int:
        """Most bytes in tensors."""
        return int(torch.cuda.max_memory_allocated())

    def settle(self) -> None:
        """Wait for its stream."""
        torch.cuda.synchronize()


class HostGauge:
    """By how much this process has grown, the libraries that were loaded meanwhile included."""

    device = "cpu"

    def __init__(self) -> None:
        self.total = host_memory()
        self._before = _status("VmRSS")

    def peak(self) -> int:
        """Most resident bytes above those at the start."""
        return max(0, _status("VmHWM") - self._before)

    def settle(self) -> None:
        """Nothing runs beside us."""


def gauge(device: str) -> Gauge:
    """Of the device that torch calls so."""
    return CudaGauge() if device.startswith("cuda") else HostGauge()


def host_memory() -> int:
    """Bytes: the machine's, or what its container allows."""
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for file in _CGROUP:
        try:
            said = file.read_text().strip()
        except OSError:
            continue
        if said.isdigit():
            whole = min(whole, int(said))
    return whole


def _status(name: str) -> int:
    """Bytes, as the kernel tells; where it tells nothing, the most there has been."""
    try:
        lines = _STATUS.read_text().splitlines()
    except OSError:
        lines = []
    for line in lines:
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
