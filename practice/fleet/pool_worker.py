"""A process that simulates some robots of a fleet: `python -m practice.fleet.pool_worker FD`.

It answers one request after the other until its partner is gone. Of a fleet dealt out to P
processes, process w has every P-th robot from w on; requests name robots by their number here.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.reduction import recv_handle
from typing import Any

import numpy as np
from numpy.typing import NDArray

from practice.embodiments.interface import FleetSim, Observation
from practice.embodiments.registry import embodiment
from practice.fleet.board import Board
from practice.fleet.orphans import end_with_parent
from practice.fleet.stepping import InProcess

_NICENESS = 5
"""Where cores are short the loop goes first: everybody waits for what it sends."""


class Hand:
    """The share of one process."""

    def __init__(self, pipe: Connection) -> None:
        """No fleet yet."""
        self._pipe = pipe
        self._board: Board | None = None
        self._sim: InProcess | None = None
        self._mine = np.zeros(0, dtype=np.int64)
        """Board rows of the robots here."""

        self.answers: dict[str, Callable[..., Any]] = {
            "make": self._make,
            "reset": self._reset,
            "step": self._step,
            "state": self._state,
            "load": self._load,
            "drop": self._drop,
        }

    def _make(self, embodiment_id: str, num_robots: int, first: int, stride: int) -> None:
        """Simulate robots `first`, `first + stride`, ... of a fleet of `num_robots`."""
        handle = recv_handle(self._pipe)
        robot = embodiment(embodiment_id)
        self._board = Board(handle, robot.spec, num_robots)
        self._mine = np.arange(first, num_robots, stride)
        sim: FleetSim = robot.make_fleet(len(self._mine))
        self._sim = InProcess(sim)

    def _reset(
        self, robots: NDArray[np.int64], seeds: NDArray[np.uint64], instructions: list[str]
    ) -> None:
        self._show(robots, self._made.reset(robots, seeds, instructions))

    def _step(self, robots: NDArray[np.int64], action: NDArray[Any]) -> None:
        sim = self._made
        sim.begin(robots, action)
        transition = sim.finish()
        if transition.success is not None:
            assert self._board is not None
            self._board.success[self._mine[robots]] = transition.success
        self._show(robots, transition.observation)

    def _state(self) -> dict[str, Any]:
        return self._made.state()

    def _load(self, state: dict[str, Any]) -> None:
        self._made.load_state(state)

    def _show(self, robots: NDArray[np.int64], observation: Observation) -> None:
        """Write rows (k, ...) where the partner reads them."""
        assert self._board is not None
        for name, rows in observation.items():
            self._board.observation[name][self._mine[robots]] = rows

    def _drop(self) -> None:
        """Forget the fleet; the process waits for another."""
        self._sim, self._board = None, None

    @property
    def _made(self) -> InProcess:
        assert self._sim is not None
        return self._sim


def main() -> None:
    """Serve until the partner closes its end, or dies."""
    os.nice(_NICENESS)
    # The pipe tells nothing to a process that hangs in a simulator.
    end_with_parent()
    pipe = Connection(int(sys.argv[1]))
    hand = Hand(pipe)
    while True:
        try:
            name, *words = pipe.recv()
        except (EOFError, ConnectionError):
            return
        try:
            answer = (True, hand.answers[name](*words))
        except Exception as error:  # noqa: BLE001  # whatever it is, the partner must hear of it
            answer = (False, f"{type(error).__name__}: {error}")
        try:
            pipe.send(answer)
        except ConnectionError:
            return


if __name__ == "__main__":
    main()
