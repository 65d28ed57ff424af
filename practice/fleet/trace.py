"""The running episodes of a fleet, kept in one block of memory per quantity.

Writing a tick is a handful of vector assignments, whatever the number of robots; Python loops
only over episodes that ended and that somebody wants as `Episode` objects.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from practice.embodiments.interface import Observation


class Trace:
    """Up to `horizon` steps of R running episodes."""

    def __init__(self, num_robots: int, horizon: int) -> None:
        """Observation arrays are made when the first observation shows their shapes."""
        self._robots, self._horizon = num_robots, horizon
        self.observation: dict[str, NDArray[Any]] = {}
        """Name -> (R, horizon + 1, ...)"""

        self.sampled: NDArray[np.float32] | None = None
        """(R, horizon, A), before the task's limits: what the policy's log-probability is of."""

        self.distance = np.zeros((num_robots, horizon + 1), dtype=np.float32)
        self.spread = np.zeros((num_robots, horizon + 1), dtype=np.float32)

    def observe(
        self, robots: NDArray[np.int64], step: NDArray[np.int64], observation: Observation
    ) -> None:
        """Keep the observation rows (k, ...) of these robots at these steps."""
        for name, rows in observation.items():
            if name not in self.observation:
                shape = (self._robots, self._horizon + 1, *rows.shape[1:])
                self.observation[name] = np.zeros(shape, dtype=rows.dtype)
            self.observation[name][robots, step] = rows

    def act(
        self, robots: NDArray[np.int64], step: NDArray[np.int64], sampled: NDArray[np.float32]
    ) -> None:
        """Keep the sampled actions (k, A) taken at these steps."""
        if self.sampled is None:
            shape = (self._robots, self._horizon, sampled.shape[1])
            self.sampled = np.zeros(shape, dtype=np.float32)
        self.sampled[robots, step] = sampled

    def judge(
        self,
        robots: NDArray[np.int64],
        step: NDArray[np.int64],
        distance: NDArray[np.float32],
        spread: NDArray[np.float32] | None,
    ) -> None:
        """Keep what the reward model said of these robots at these steps."""
        self.distance[robots, step] = distance
        if spread is not None:
            self.spread[robots, step] = spread

    def state(self) -> dict[str, Any]:
        """Every array."""
        return {
            "observation": {name: array.copy() for name, array in self.observation.items()},
            "sampled": None if self.sampled is None else self.sampled.copy(),
            "distance": self.distance.copy(),
            "spread": self.spread.copy(),
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from `state()`."""
        self.observation = {name: np.array(a) for name, a in state["observation"].items()}
        self.sampled = None if state["sampled"] is None else np.array(state["sampled"])
        self.distance = np.array(state["distance"])
        self.spread = np.array(state["spread"])
