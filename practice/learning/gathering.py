"""What cameras saw at some rows of demonstrations, gathered for a batch from wherever it lies."""

from __future__ import annotations

import math
import mmap
import resource
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from practice.fleet.senses import PREVIOUS
from practice.learning.data import Demonstrations

_ASKED = 100
"""Batches for which the kernel is asked to read ahead, each time one had to wait for the disk."""

# What another thread waits for is none of our business, where the kernel can tell.
_WHO = getattr(resource, "RUSAGE_THREAD", resource.RUSAGE_SELF)


class Pictures:
    """Pictures in memory lie on the training device, as one tensor each. Those mapped from disk stay there,
    and each batch copies out what it needs.

    The kernel keeps what was read in memory for as long as there is room, and then nothing is slower than
    from memory. Where it had to read, it is told of the next batches beforehand, and reads while a model learns.
    """

    def __init__(
        self, data: Demonstrations, cameras: Sequence[str], previous: Sequence[str], device: str
    ) -> None:
        """`cameras` are seen as they are at a row, `previous` among them as they were a step before too."""
        self._device, self._pinned = device, device.startswith("cuda")
        self._previous = [name for name in cameras if name in previous]
        self._before, self._frame = data.before, data.frame
        self._near: dict[str, Tensor] = {}
        self._far: dict[str, NDArray[np.uint8]] = {}
        for name in cameras:
            array = data.observation[name]
            if device == "cpu" or isinstance(array, np.memmap):
                self._far[name] = array
            else:
                self._near[name] = torch.from_numpy(array[data.frame]).to(device)
        self._ask = 0

    @property
    def row_bytes(self) -> int:
        """Of all pictures of one row."""
        shapes = {name: values.shape[1:] for name, values in (self._far | self._near).items()}
        seen = [*shapes, *self._previous]
        return sum(math.prod(shapes[name]) for name in seen)

    def expect(self, rows: Tensor) -> None:
        """These rows, (B,) on the CPU, are wanted soon: what the disk has of them may be read meanwhile."""
        if not self._ask:
            return
        self._ask -= 1
        for _, array, frames in self._wanted(rows, self._previous):
            if isinstance(array, np.memmap):
                pages: Any = array.base  # the map itself
                size = array[0].nbytes
                for begin in (frames * size).tolist():
                    page = begin - begin % mmap.PAGESIZE
                    pages.madvise(mmap.MADV_WILLNEED, page, begin + size - page)

    def at(self, rows: Tensor, *, newest: bool = False) -> dict[str, Tensor]:
        """Of these rows, (B,) on the CPU: name -> (B, H, W, 3) on the device; or the newest frames alone."""
        faults = resource.getrusage(_WHO).ru_majflt
        previous = () if newest else self._previous
        found = {
            name: self._copied(array, frames)
            for name, array, frames in self._wanted(rows, previous)
        }
        if resource.getrusage(_WHO).ru_majflt > faults:
            self._ask = _ASKED
        if self._near:
            found |= self._picked(rows, previous)
        return found

    def _wanted(
        self, rows: Tensor, previous: Sequence[str]
    ) -> Iterator[tuple[str, NDArray[np.uint8], NDArray[np.int64]]]:
        """Name, where its pictures lie, and which are meant; of what does not lie on the device."""
        now = rows.numpy()
        for name, array in self._far.items():
            yield name, array, self._frame[now]
            if name in previous:
                yield name + PREVIOUS, array, self._frame[self._before[now]]

    def _picked(self, rows: Tensor, previous: Sequence[str]) -> dict[str, Tensor]:
        here = rows.to(self._device)
        found = {name: values[here] for name, values in self._near.items()}
        if previous:
            earlier = torch.from_numpy(self._before[rows.numpy()]).to(self._device)
            near = (name for name in previous if name in self._near)
            found |= {name + PREVIOUS: self._near[name][earlier] for name in near}
        return found

    def _copied(self, array: NDArray[np.uint8], frames: NDArray[np.int64]) -> Tensor:
        # Pinned pages go to the device while it computes.
        shape = (len(frames), *array.shape[1:])
        out = torch.empty(shape, dtype=torch.uint8, pin_memory=self._pinned)
        # Several times as fast as a tensor's own indexing.
        np.take(array, frames, axis=0, out=out.numpy(), mode="clip")
        return out.to(self._device, non_blocking=True)
