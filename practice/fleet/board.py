"""The memory that worker processes write observations into and the loop reads them from."""

from __future__ import annotations

import mmap
import os
import tempfile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from practice.embodiments.interface import Observation
from practice.embodiments.spec import EmbodimentSpec

_LINE = 64
"""Bytes: arrays begin on cache lines of their own."""


def anonymous_memory(spec: EmbodimentSpec, num_robots: int) -> int:
    """A descriptor of memory for a board, without a name: it is gone with its last process, however
    that ends.
    """
    if hasattr(os, "memfd_create"):
        handle = os.memfd_create("fleet")
    else:
        with tempfile.TemporaryFile() as file:
            handle = os.dup(file.fileno())
    os.ftruncate(handle, _extent(spec, num_robots))
    return handle


class Board:
    """One row per robot and feature, and whether the robot is at its goal."""

    def __init__(self, handle: int, spec: EmbodimentSpec, num_robots: int) -> None:
        """The memory behind `handle` as arrays; the descriptor is closed, the memory stays."""
        memory = mmap.mmap(handle, _extent(spec, num_robots))
        os.close(handle)
        self.observation: Observation = {}
        """Name -> (R, ...)"""

        at = 0
        for name, shape, dtype in _columns(spec, num_robots):
            array: NDArray[Any] = np.ndarray(shape, dtype, buffer=memory, offset=at)
            self.observation[name] = array
            at += _room(shape, dtype)
        self.success: NDArray[np.bool_] = self.observation.pop("")
        """(R,)"""


def _columns(spec: EmbodimentSpec, robots: int) -> list[tuple[str, tuple[int, ...], np.dtype[Any]]]:
    """Name, shape and type of every array; the nameless one is success."""
    found = [
        (name, (robots, *feature.shape), np.dtype(feature.dtype))
        for name, feature in spec.observation.items()
    ]
    return [*found, ("", (robots,), np.dtype(np.bool_))]


def _room(shape: tuple[int, ...], dtype: np.dtype[Any]) -> int:
    """Bytes, rounded up to whole lines."""
    return -(-int(np.prod(shape)) * dtype.itemsize // _LINE) * _LINE


def _extent(spec: EmbodimentSpec, robots: int) -> int:
    return sum(_room(shape, dtype) for _, shape, dtype in _columns(spec, robots))
