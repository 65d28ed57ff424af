"""The devices a worker may compute on, found without importing torch.

`nvidia-smi` names the GPUs; where there is none the CPU counts as one device. A run's child
process sees only the devices that were lent to it, mostly one.
"""

import os
import platform
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

CPU_KIND = "cpu"
_QUERY = ("--query-gpu=index,uuid,name", "--format=csv,noheader")
_VENDOR_WORDS = {"nvidia", "geforce", "tesla", "quadro", "generation", "pcie", "nvl"}
_SIZE_WORD = re.compile(r"^(\d+gb|sxm\d*|hbm\w*)$")


@dataclass(frozen=True, slots=True)
class Device:
    """One device: `kind` for queues ("h100", "rtx-4090", "cpu"), `name` for people."""

    kind: str
    name: str
    index: int
    uuid: str = ""

    @property
    def id(self) -> str:
        """What CUDA calls it; nothing for the CPU."""
        return self.uuid or ("" if self.kind == CPU_KIND else str(self.index))


def environment(devices: Sequence[Device]) -> dict[str, str]:
    """What a child process needs in its environment to see these devices alone."""
    return {"CUDA_VISIBLE_DEVICES": ",".join(device.id for device in devices)}


def visible_devices() -> list[Device]:
    """The GPUs this process may use, or the CPU as one device."""
    return _gpus() or [Device(CPU_KIND, _cpu_name(), 0)]


def gpu_queues(devices: list[Device]) -> list[str]:
    """The queues a worker with `devices` listens to: "gpu" and one "gpu.<kind>" per kind."""
    return ["gpu", *sorted({f"gpu.{device.kind}" for device in devices})]


def kind_of(name: str) -> str:
    """A short kind from a product name: "NVIDIA H100 80GB HBM3" gives "h100"."""
    words = [word for word in re.split(r"[^a-z0-9]+", name.lower()) if word]
    kept = [word for word in words if word not in _VENDOR_WORDS and not _SIZE_WORD.match(word)]
    return "-".join(kept) or "gpu"


class DeviceSlots:
    """Lends each device to one run at a time, and several to one that wants them; threads of one worker share it."""

    def __init__(self, devices: list[Device]) -> None:
        self.devices = tuple(devices)
        self._free = list(reversed(devices))
        self._changed = threading.Condition()

    @contextmanager
    def take(self, count: int = 1) -> Iterator[tuple[Device, ...]]:
        """`count` devices nobody else holds, until the `with` block ends; waits while too many are taken. 0, or more
        than there are, means all.
        """
        wanted = min(count, len(self.devices)) or len(self.devices)
        with self._changed:
            self._changed.wait_for(lambda: len(self._free) >= wanted)
            lent = tuple(self._free.pop() for _ in range(wanted))
        try:
            yield lent
        finally:
            with self._changed:
                self._free.extend(reversed(lent))
                self._changed.notify_all()


def _gpus() -> list[Device]:
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    try:
        done = subprocess.run(
            [program, *_QUERY], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    return _allowed(parse_nvidia_smi(done.stdout)) if done.returncode == 0 else []


def parse_nvidia_smi(text: str) -> list[Device]:
    """Devices from the lines "index, uuid, name" of nvidia-smi; other lines are passed over."""
    found = []
    for line in text.splitlines():
        parts = [part.strip() for part in line.split(",", 2)]
        if len(parts) == len(("index", "uuid", "name")) and parts[0].isdigit():
            found.append(Device(kind_of(parts[2]), parts[2], int(parts[0]), parts[1]))
    return found


def _allowed(devices: list[Device]) -> list[Device]:
    """Those that CUDA_VISIBLE_DEVICES leaves to us: indices or UUIDs, as CUDA reads it."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is None:
        return devices
    names = [name.strip() for name in chosen.split(",") if name.strip()]
    by_name = {str(device.index): device for device in devices} | {d.uuid: d for d in devices}
    return [by_name[name] for name in names if name in by_name]


def _cpu_name() -> str:
    """The processor's name and how many cores this process may use."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{names[0] if names else platform.machine()} ({cores} cores)"
