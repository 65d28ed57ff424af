"""A fleet simulated by several processes, in front of which nobody can tell the difference.

Robots are dealt out like cards, so every group of them is shared evenly. Requests go over pipes,
observations come back through memory that all processes see. Processes are kept for the next fleet
when one is let go: an evaluation in the middle of a run does not wait for imports.
"""

from __future__ import annotations

import atexit
import os
import socket
import subprocess
import sys
import weakref
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from multiprocessing.reduction import send_handle
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models_store.errors import LearningError, SimulatorLostError
from practice.embodiments.interface import Embodiment, Observation, Transition
from practice.embodiments.registry import embodiment
from practice.embodiments.spec import EmbodimentSpec
from practice.fleet.board import Board, anonymous_memory
from practice.fleet.dealing import deal_in, deal_out
from practice.fleet.quota import allowed_cores
from practice.fleet.senses import take
from practice.fleet.stepping import InProcess, Stepper

PATIENCE_SECONDS = 300.0
"""How long a process may take to answer; one that takes longer will not answer any more."""
_FAREWELL_SECONDS = 5.0


def make_stepper(robot: Embodiment, num_robots: int, processes: int) -> Stepper:
    """R robots simulated by this many processes; 0: here."""
    if processes == 0:
        return InProcess(robot.make_fleet(num_robots))
    return PooledFleet(robot.spec.id, num_robots, processes)


def choose_processes(spec: EmbodimentSpec, asked: int) -> int:
    """`FleetPlan.processes` from a run's setting: 0 takes a process per core where pictures are
    drawn and none elsewhere, 1 is this process alone.
    """
    if asked == 0:
        return available_cores() if spec.cameras and available_cores() > 1 else 0
    return 0 if asked == 1 else asked


def available_cores() -> int:
    """Cores this process may use: a container with a quota is not given time on all it sees."""
    seen = hasattr(os, "sched_getaffinity")
    return allowed_cores(len(os.sched_getaffinity(0)) if seen else os.cpu_count() or 1)


class PooledFleet:
    """R simulated robots of a registered embodiment in P processes; keeps FleetSim and Stepper."""

    def __init__(self, embodiment_id: str, num_robots: int, processes: int) -> None:
        """Start the processes, or take over idle ones.

        Raises:
            LearningError: a process cannot make its robots.
            SimulatorLostError: a process ended, or hangs; every other call may raise it too.
        """
        self.num_robots = num_robots
        spec = embodiment(embodiment_id).spec
        self._knows_success = spec.knows_success
        self._crew = _Crew(min(processes, num_robots))
        self.close = weakref.finalize(self, self._crew.leave)
        """Let go of the processes; a fleet that nobody holds any more does so by itself."""

        handle = anonymous_memory(spec, num_robots)
        try:
            self._crew.make(embodiment_id, num_robots, handle)
            self._board = Board(os.dup(handle), spec, num_robots)
        finally:
            os.close(handle)
        self._begun: deque[NDArray[np.int64]] = deque()

    def reset(
        self, robots: NDArray[np.int64], seeds: NDArray[np.uint64], instructions: Sequence[str]
    ) -> Observation:
        """Start new episodes for these robots, (k,) each; their observations, name -> (k, ...)."""
        for worker, part in self._shares(robots):
            texts = [instructions[i] for i in part.tolist()]
            self._crew.ask(worker, "reset", self._local(robots[part]), seeds[part], texts)
        self._crew.hear(robots)
        return {name: array[robots] for name, array in self._board.observation.items()}

    def begin(self, robots: NDArray[np.int64], action: NDArray[Any]) -> None:
        """Send these robots (k,), ascending, their actions (k, A)."""
        for worker, part in self._shares(robots):
            self._crew.ask(worker, "step", self._local(robots[part]), action[part])
        self._begun.append(robots)

    def finish(self) -> Transition:
        """Wait for the robots begun longest ago; rows (k, ...), copied out of the shared memory."""
        robots = self._begun.popleft()
        self._crew.hear(robots)
        rows = {name: np.copy(rows) for name, rows in take(self._board.observation, robots).items()}
        return Transition(rows, self._board.success[robots] if self._knows_success else None)

    def step(self, action: NDArray[Any]) -> Transition:
        """Apply (R, A) actions for one control tick."""
        self.begin(np.arange(self.num_robots), action)
        return self.finish()

    def step_rows(self, robots: NDArray[np.int64], action: NDArray[Any]) -> Transition:
        """Apply (k, A) actions to these robots, (k,) ascending; the others stay as they are."""
        self.begin(robots, action)
        return self.finish()

    def state(self) -> dict[str, Any]:
        """The same as one fleet's in one process: arrays whose leading axis counts robots."""
        states = self._crew.everybody([("state",)] * self._crew.size)
        joined: dict[str, Any] = deal_in(states, self.num_robots)
        return joined

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from `state()` of any fleet of as many robots, whoever simulated it."""
        size = self._crew.size
        self._crew.everybody([("load", deal_out(state, i, size)) for i in range(size)])

    def _local(self, robots: NDArray[np.int64]) -> NDArray[np.int64]:
        """Numbers of these robots within their process."""
        return robots // self._crew.size

    def _shares(self, robots: NDArray[np.int64]) -> list[tuple[int, NDArray[np.int64]]]:
        """Each process that has some of these robots, and which: positions in `robots`."""
        owner = robots % self._crew.size
        shares = [(i, np.flatnonzero(owner == i)) for i in range(self._crew.size)]
        return [(i, part) for i, part in shares if len(part)]


class _Crew:
    """The processes of one fleet. When one fails, all end, and the fleet with them."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._workers = [_engage() for _ in range(size)]

    def make(self, embodiment_id: str, num_robots: int, handle: int) -> None:
        """Give each process its share of the robots and the memory to show them in."""
        for i in range(self.size):
            self.ask(i, "make", embodiment_id, num_robots, i, self.size)
            with self._line(i) as worker:
                send_handle(worker.pipe, handle, worker.process.pid)
        self.hear(np.arange(self.size))

    def ask(self, i: int, *words: Any) -> None:
        """Send process i a request."""
        with self._line(i) as worker:
            worker.ask(words)

    def hear(self, robots: NDArray[np.int64]) -> None:
        """Wait for one answer of every process that has some of these robots."""
        for i in np.unique(robots % self.size).tolist():
            self.answer(i)

    def answer(self, i: int) -> Any:
        """The next answer of process i."""
        with self._line(i) as worker:
            well, answer = worker.answer()
        if not well:
            raise self._failure(LearningError, answer)
        return answer

    def everybody(self, requests: Sequence[tuple[Any, ...]]) -> list[Any]:
        """A request for each process, and its answer."""
        for i, request in enumerate(requests):
            self.ask(i, *request)
        return [self.answer(i) for i in range(self.size)]

    def leave(self) -> None:
        """Processes that owe no answer wait for another fleet; the others end."""
        for worker in self._workers:
            worker.rest()
        self._workers = []

    @contextmanager
    def _line(self, i: int) -> Iterator[_Worker]:
        """Process i, to talk with; when it is gone or stays silent, the crew fails."""
        if not self._workers:
            raise LearningError("This fleet was closed.")
        worker = self._workers[i]
        try:
            yield worker
        except TimeoutError as silence:
            raise self._failure(SimulatorLostError, str(silence)) from None
        except (EOFError, OSError):
            raise self._failure(SimulatorLostError, worker.obituary()) from None

    def _failure(self, kind: type[LearningError], reason: str) -> LearningError:
        for worker in self._workers:
            worker.end()
        self._workers = []
        return kind(f"A process that simulates robots failed: {reason}")


class _Worker:
    """One process and the pipe to it."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "practice.fleet.pool_worker", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"},
                # Ctrl-C is for the run; this process ends when the run does. It stays in the run's
                # session, for there `nice` has a say in who goes first.
                process_group=0,
            )
        self.pipe = Connection(ours.detach())
        self._owed = 0

    def ask(self, words: tuple[Any, ...]) -> None:
        self.pipe.send(words)
        self._owed += 1

    def answer(self) -> tuple[bool, Any]:
        if not self.pipe.poll(PATIENCE_SECONDS):
            raise TimeoutError(f"it has not answered for {PATIENCE_SECONDS:g} s.")
        answer: tuple[bool, Any] = self.pipe.recv()
        self._owed -= 1
        return answer

    def rest(self) -> None:
        """Forget the fleet and be there for the next one."""
        try:
            if self._owed == 0:
                self.ask(("drop",))
                self.answer()
                _idle.append(self)
                return
        except (EOFError, OSError):
            pass  # it is gone already, or hangs
        self.end()

    def end(self) -> None:
        """Let go of the pipe and kill the process, whatever it is at."""
        self.pipe.close()
        self.process.kill()
        # One that hangs within the kernel dies when it comes back from there.
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(_FAREWELL_SECONDS)

    def obituary(self) -> str:
        """What became of a process that does not answer."""
        try:
            return f"it ended with status {self.process.wait(_FAREWELL_SECONDS)}."
        except subprocess.TimeoutExpired:
            return "it closed its pipe."


_idle: list[_Worker] = []
"""Processes without a fleet."""


def _engage() -> _Worker:
    """An idle process that still lives, or a new one."""
    while _idle:
        worker = _idle.pop()
        if worker.process.poll() is None:
            return worker
        worker.end()
    return _Worker()


def end_idle_workers() -> None:
    """End the processes that wait for a fleet; those of a fleet in use stay."""
    while _idle:
        _idle.pop().end()


# A forked child must not talk to processes of its parent.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_idle.clear)
# Registered before any fleet's finalizer runs its own exit hook, so it comes after them.
atexit.register(end_idle_workers)
