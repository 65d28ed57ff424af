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
from practice.fleet.plan import FleetPlan


def make_trace(plan: FleetPlan, *, pictures: bool) -> Trace | None:
    """A trace, where anybody asks the fleet for whole episodes."""
    if not (plan.collect or plan.trace):
        return None
    return Trace(plan.num_robots, plan.rules.horizon, pictures=pictures, seen=plan.trace)


class Trace:
    """Up to `horizon` steps of R running episodes."""

    def __init__(self, num_robots: int, horizon: int, *, pictures: bool, seen: bool) -> None:
        """Keep observations, what was seen in them, or both. Arrays are made when the first values
        show their shapes.
        """
        self._robots, self._horizon = num_robots, horizon
        self._keeps_pictures, self._keeps_seen = pictures, seen
        self.observation: dict[str, NDArray[Any]] = {}
        """Name -> (R, horizon + 1, ...)"""

        self.seen: NDArray[np.float32] | None = None
        """(R, horizon, F): what the policy acted upon, where it is known."""

        self.sampled: NDArray[np.float32] | None = None
        """(R, horizon, A), before the task's limits: what the policy's log-probability is of."""

        self.distance = np.zeros((num_robots, horizon + 1), dtype=np.float32)
        self.spread = np.zeros((num_robots, horizon + 1), dtype=np.float32)

    def observe(
        self, robots: NDArray[np.int64], step: NDArray[np.int64], observation: Observation
    ) -> None:
        """Keep the observation rows (k, ...) of these robots at these steps."""
        for name, rows in observation.items() if self._keeps_pictures else ():
            if name not in self.observation:
                shape = (self._robots, self._horizon + 1, *rows.shape[1:])
                self.observation[name] = np.zeros(shape, dtype=rows.dtype)
            self.observation[name][robots, step] = rows

    def act(
        self,
        robots: NDArray[np.int64],
        step: NDArray[np.int64],
        sampled: NDArray[np.float32],
        seen: NDArray[np.float32] | None,
    ) -> None:
        """Keep the sampled actions (k, A) taken at these steps, and what they were based on, (k, F)."""
        if self.sampled is None:
            self.sampled = self._room(sampled)
        self.sampled[robots, step] = sampled
        if seen is not None and self._keeps_seen:
            if self.seen is None:
                self.seen = self._room(seen)
            self.seen[robots, step] = seen

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
            "seen": None if self.seen is None else self.seen.copy(),
            "distance": self.distance.copy(),
            "spread": self.spread.copy(),
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from `state()`."""
        self.observation = {name: np.array(a) for name, a in state["observation"].items()}
        self.sampled = None if state["sampled"] is None else np.array(state["sampled"])
        self.seen = None if state["seen"] is None else np.array(state["seen"])
        self.distance = np.array(state["distance"])
        self.spread = np.array(state["spread"])

    def _room(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Zeros for (k, n) at every step of every robot."""
        return np.zeros((self._robots, self._horizon, values.shape[1]), dtype=np.float32)
