"""What each robot of a fleet sees now, and what it saw one step earlier where a model asks for it.

Simulators, episodes and datasets carry no previous values: they follow from the order of the steps,
and an episode's first step has its own value as the previous one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from practice.embodiments.interface import Observation

PREVIOUS = ".previous"
"""Ending of the name under which a feature's value one step earlier is given."""


class Senses:
    """The newest observation of R robots. Arrays once handed out are never changed."""

    def __init__(self, num_robots: int, previous: Sequence[str]) -> None:
        """Nothing is known before the first robots start."""
        self._robots, self._previous = num_robots, tuple(previous)
        self.now: Observation = {}
        """Name -> (R, ...)"""

        self._before: Observation = {}

    def of(self, rows: NDArray[np.int64]) -> Observation:
        """What the driver of these robots may see, (k, ...) each, previous values included."""
        seen = take(self.now, rows)
        return seen | {
            name + PREVIOUS: take_rows(self._before[name], rows) for name in self._before
        }

    def after(self, before: Observation, moved: Observation) -> Observation:
        """The same after a step that led from `before` to `moved`, (k, ...) each."""
        return moved | {name + PREVIOUS: before[name] for name in self._previous}

    def move(self, parts: Sequence[tuple[NDArray[np.int64], Observation]]) -> None:
        """Take in one tick: rows (k,) and their observations (k, ...), part by part."""
        self._before = {name: self.now[name] for name in self._previous}
        if len(parts) == 1 and len(parts[0][0]) == self._robots:
            self.now = parts[0][1]
            return
        everybody = sum(len(rows) for rows, _ in parts) == self._robots
        fresh = np.empty_like if everybody else np.copy
        self.now = {name: fresh(array) for name, array in self.now.items()}
        for rows, moved in parts:
            put(self.now, rows, moved)

    def start(self, robots: NDArray[np.int64], started: Observation) -> None:
        """New episodes begin with these observations (k, ...)."""
        if not self.now:
            self.now = {
                name: np.zeros((self._robots, *array.shape[1:]), dtype=array.dtype)
                for name, array in started.items()
            }
        # Listeners may still hold the arrays of this tick: write into copies.
        self.now = {name: array.copy() for name, array in self.now.items()}
        put(self.now, robots, started)
        before = self._before or {name: self.now[name] for name in self._previous}
        self._before = {name: array.copy() for name, array in before.items()}
        put(self._before, robots, {name: started[name] for name in self._previous})

    def state(self) -> dict[str, Any]:
        """Both observations."""
        return {
            "now": {name: array.copy() for name, array in self.now.items()},
            "before": {name: array.copy() for name, array in self._before.items()},
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from `state()`."""
        self.now = {name: np.array(array) for name, array in state["now"].items()}
        self._before = {name: np.array(array) for name, array in state["before"].items()}


def take(observation: Observation, rows: NDArray[np.int64]) -> Observation:
    """Rows of every feature."""
    return {name: take_rows(array, rows) for name, array in observation.items()}


def take_rows(array: NDArray[Any], rows: NDArray[np.int64]) -> NDArray[Any]:
    """Rows in ascending order; a gapless range is a view, because pictures are costly to copy."""
    count = len(rows)
    if count and rows[-1] - rows[0] + 1 == count:
        return array[rows[0] : rows[0] + count]
    return array[rows]


def put(into: Observation, rows: NDArray[np.int64], values: Observation) -> None:
    """Write (k, ...) into these rows of every feature."""
    for name, array in values.items():
        into[name][rows] = array
