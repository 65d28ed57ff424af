"""How a fleet's loop moves robots group by group, whoever simulates them.

The loop begins the step of one group, asks the policy about the next, and finishes the first only
then: worker processes simulate meanwhile. In this process the same order costs nothing, so the
numbers are the same with and without workers.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from practice.embodiments.interface import FleetSim, Observation, Transition


class Stepper(Protocol):
    """A simulated fleet that moves some of its robots at a time."""

    def reset(
        self, robots: NDArray[np.int64], seeds: NDArray[np.uint64], instructions: Sequence[str]
    ) -> Observation:
        """Start new episodes, (k,) each; observations (k, ...)."""
        ...

    def begin(self, robots: NDArray[np.int64], action: NDArray[Any]) -> None:
        """Have these robots (k,), ascending, do their actions (k, A); may return before they have."""
        ...

    def finish(self) -> Transition:
        """What the robots begun longest ago met, rows (k, ...). Arrays are never changed later."""
        ...

    def state(self) -> dict[str, Any]:
        """As `FleetSim.state`, between ticks."""
        ...

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from `state()`."""
        ...

    def close(self) -> None:
        """Let go of processes and memory."""
        ...


class InProcess:
    """A fleet simulated here, when `finish` is called."""

    def __init__(self, sim: FleetSim) -> None:
        """Robots must have been reset before they move."""
        self._sim = sim
        self._begun: deque[tuple[NDArray[np.int64], NDArray[Any]]] = deque()
        self.reset, self.state, self.load_state = sim.reset, sim.state, sim.load_state

    def begin(self, robots: NDArray[np.int64], action: NDArray[Any]) -> None:
        """Note it."""
        self._begun.append((robots, action))

    def finish(self) -> Transition:
        """Do it."""
        robots, action = self._begun.popleft()
        if len(robots) == self._sim.num_robots:
            return self._sim.step(action)
        return self._sim.step_rows(robots, action)

    def close(self) -> None:
        """Nothing to let go of."""
