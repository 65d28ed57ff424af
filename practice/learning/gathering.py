"""What cameras saw at some rows of demonstrations, gathered for a batch from wherever it lies."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from practice.fleet.senses import PREVIOUS
from practice.learning.data import Demonstrations


class Pictures:
    """Pictures in memory lie on the training device, as one tensor each. Those mapped from disk stay
    there: a batch of them is copied out when it is wanted, or ahead of that by another thread.
    """

    def __init__(
        self, data: Demonstrations, cameras: Sequence[str], previous: Sequence[str], device: str
    ) -> None:
        """`cameras` are seen as they are at a row, `previous` among them as they were a step before too."""
        self._device, self._pinned = device, device != "cpu"
        self._previous = [name for name in cameras if name in previous]
        arrays = {name: data.observation[name] for name in cameras}
        self.mapped = any(isinstance(array, np.memmap) for array in arrays.values())
        """Whether gathering may have to wait for the disk."""
        self._before = data.before
        self._frame = data.frame
        self._near: dict[str, Tensor] = {}
        self._far: dict[str, NDArray[np.uint8]] = {}
        for name, array in arrays.items():
            if device == "cpu" or isinstance(array, np.memmap):
                self._far[name] = array
            else:
                self._near[name] = torch.from_numpy(array[data.frame]).to(device)

    def gather(self, rows: Tensor) -> dict[str, Tensor]:
        """Of these rows, (B,) on the CPU, whatever does not lie on the device: name -> (B, H, W, 3)."""
        now = rows.numpy()
        places = {"": self._frame[now]}
        if self._previous:
            places[PREVIOUS] = self._frame[self._before[now]]
        return {
            name + when: self._copied(array, frames)
            for name, array in self._far.items()
            for when, frames in places.items()
            if not when or name in self._previous
        }

    def at(self, rows: Tensor, gathered: dict[str, Tensor] | None = None) -> dict[str, Tensor]:
        """Of these rows, on the device: name -> (B, H, W, 3), with what was gathered before."""
        found = self.gather(rows) if gathered is None else gathered
        found = {
            name: pictures.to(self._device, non_blocking=True) for name, pictures in found.items()
        }
        if self._near:
            here = rows.to(self._device)
            earlier = torch.from_numpy(self._before[rows.numpy()]).to(self._device)
            found |= {name: values[here] for name, values in self._near.items()}
            found |= {
                name + PREVIOUS: self._near[name][earlier]
                for name in self._previous
                if name in self._near
            }
        return found

    def _copied(self, array: NDArray[np.uint8], frames: NDArray[np.int64]) -> Tensor:
        # Pages that cannot be swapped out go to the device while it computes.
        shape = (len(frames), *array.shape[1:])
        out = torch.empty(shape, dtype=torch.uint8, pin_memory=self._pinned)
        # Five times as fast as a tensor's own indexing, and other threads go on meanwhile.
        np.take(array, frames, axis=0, out=out.numpy(), mode="clip")
        return out
