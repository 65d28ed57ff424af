"""A policy for robots that ask at their own time: one thread thinks, batch after batch, and each question has a deadline.

Three things share the device, one at a time. Actions come first. While nobody waits for one, whole episodes get
their steps-to-go, in pieces short enough for the next question. A learner may borrow the device for a while.

    with InferenceServer(Thinker(policy, judge, threshold=0.5)) as server:
        answer = server.ask("left", observation, "push the red moon", deadline_s=0.08).result()
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from models_store.errors import LearningError
from practice.fleet.inference.answers import Answer, EndedError
from practice.fleet.inference.desk import Desk
from practice.fleet.inference.features import check, check_instruction
from practice.fleet.inference.labels import Labels
from practice.fleet.inference.measures import Cost, Statistics
from practice.fleet.inference.queue import Queue, Request, Rules
from practice.fleet.inference.robots import Robots
from practice.fleet.inference.thinking import Question, Thinker, blank_question, seed_of

Clock = Callable[[], float]
"""Seconds that only grow."""

_FORGOTTEN_AFTER = 600.0
"""Seconds of silence after which what a robot saw last is let go, once another one comes."""


class InferenceServer:
    """Answers robots; safe to call from any thread."""

    def __init__(
        self,
        thinker: Thinker,
        *,
        rules: Rules | None = None,
        seed: int = 0,
        clock: Clock = time.monotonic,
    ) -> None:
        """Nobody thinks before `start`; everything random follows from the seed."""
        self.rules = rules or Rules()
        self._thinker, self._seed, self._clock = thinker, seed, clock
        self._cost = cost = Cost()
        self._robots, self._labels = Robots(), Labels(clock)
        self._queue, self._desk = Queue(self.rules, cost), Desk(clock, cost)
        self._changed = threading.Condition()
        """Guards all that whoever asks and who thinks share."""

        self._device = threading.Lock()
        """Held while the device computes."""

        self._news = self._closed = False
        self._lent_until: float | None = None
        self._thread: threading.Thread | None = None

    def ask(
        self,
        robot: str,
        observation: Mapping[str, NDArray[Any]],
        instruction: str,
        *,
        deadline_s: float,
        episode: int = 0,
    ) -> Future[Answer]:
        """What should this robot do? Arrays are of it alone, name -> (...), and are copied.

        The answer comes within `deadline_s` seconds or not at all: then the future's error is a `LateError`, a
        `BusyError` or, where the robot has asked again meanwhile, a `SupersededError`.

        Raises:
            LearningError: the question cannot be understood, or the server has ended.
        """
        check_instruction(instruction)
        check(observation, self._thinker.features)
        if not 0 < deadline_s < math.inf:
            raise LearningError(f"The deadline is {deadline_s} s; it must lie ahead.")
        with self._changed:
            self._check_open()
            now = self._clock()
            if robot not in self._robots:
                for gone in self._queue.silent(now, _FORGOTTEN_AFTER):
                    self._robots.forget(gone)
            frame, before, number = self._robots.see(robot, observation, episode)
            seed = seed_of(self._seed, robot, episode, number)
            question = Question(robot, frame, before, instruction, seed)
            request = Request(question, now, now + deadline_s)
            older = self._queue.add(request)
            refused, still = self._refused(now)
            self._tell()
        self._desk.superseded(older, f"The robot {robot} has asked again.")
        self._desk.busy(refused, still)
        return request.future

    def leave(self, robot: str) -> None:
        """The robot has gone: nobody waits for it, and what it saw is let go."""
        with self._changed:
            request = self._queue.leave(robot)
            self._robots.forget(robot)
            self._tell()
        self._desk.superseded(request, f"The robot {robot} has left.")

    def label(
        self, observation: Mapping[str, NDArray[Any]], instruction: str
    ) -> Future[NDArray[np.float32]]:
        """d(o, g) at every frame of an episode, (T,) steps, of arrays name -> (T, ...) that must not change meanwhile.

        Done while nobody waits for an action, the episode asked for first. Deadlines come before labels: where
        robots leave no gap as long as one frame takes, labels wait until fewer are present.

        Raises:
            LearningError: there is no judge, the episode is not what it reads, or the server has ended.
        """
        check_instruction(instruction)
        with self._changed:
            self._check_open()
            future = self._labels.add(self._thinker, observation, instruction)
            self._tell()
        return future

    def swap(self, thinker: Thinker) -> None:
        """Another policy, from the next batch on. Questions that wait are answered by it, labels by the judge they were
        asked of.

        Raises:
            LearningError: its robots send something else, or move otherwise.
        """
        with self._changed:
            thinker.follow(self._thinker)
            self._thinker = thinker

    def pause(self, seconds: float) -> None:
        """Lend the device for about so long; returns when what is under way is done.

        Until `resume`, questions whose deadline lies after the expected end wait; others get a `BusyError` at once.
        """
        with self._changed:
            now = self._clock()
            self._lent_until = now + seconds
            refused, still = self._refused(now)
            self._tell()
        self._desk.busy(refused, still)
        with self._device:
            return

    def resume(self) -> None:
        """The device is back."""
        with self._changed:
            self._lent_until = None
            self._tell()

    @contextmanager
    def lent(self, seconds: float) -> Iterator[None]:
        """The device is the caller's inside the `with` block, for about so long."""
        self.pause(seconds)
        try:
            yield
        finally:
            self.resume()

    def warm_up(self, sizes: Sequence[int] = (1, 4, 16)) -> None:
        """Learn how long batches take, and have the device ready, before the first robot comes."""
        with self._device:
            for size in sizes:
                for first in (True, False):
                    questions = [blank_question(self._thinker.features) for _ in range(size)]
                    began = self._clock()
                    self._thinker.act(questions)
                    if not first:  # which is never like the others
                        self._cost.tell(size, self._clock() - began)

    def statistics(self) -> Statistics:
        """How it has done since it began."""
        return self._desk.counts.statistics()

    def step(self) -> float | None:
        """Do what is due now: a batch, a piece of labels, or nothing. `start` has a thread do this for ever.

        Returns:
            Seconds until something will be due; None: not before somebody asks.
        """
        with self._device:
            with self._changed:
                now, self._news = self._clock(), False
                late = self._queue.overdue(now)
                closes = None if self._lent_until is not None else self._queue.closes(now)
                batch = [] if closes is None or closes > now else self._queue.batch(now)
                idle = not len(self._queue) and self._lent_until is None
                room, thinker = self._queue.room(now), self._thinker
                deadline = self._queue.next_deadline()
            self._desk.late(late)
            if batch:
                self._desk.answer(thinker, batch)
                return 0.0
            if idle and self._labels.some(room, self._desk.counts):
                return 0.0
        again = now + self.rules.period_s if idle and len(self._labels) else None
        times = [one for one in (closes, deadline, again) if one is not None]
        return max(min(times) - self._clock(), 0.0) if times else None

    def start(self) -> Self:
        """Think, in a thread."""
        assert self._thread is None, "it thinks already"
        self._thread = threading.Thread(target=self._run, name="inference", daemon=True)
        self._thread.start()
        return self

    def close(self) -> None:
        """End; whoever waits hears of it."""
        with self._changed:
            self._closed = True
            self._tell()
        if self._thread is not None:
            self._thread.join()
        self._end()

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(self, *_error: object) -> None:
        """End."""
        self.close()

    def _run(self) -> None:
        try:
            while not self._closed:
                wait = self.step()
                with self._changed:
                    if not (self._news or self._closed):
                        self._changed.wait(wait)
        finally:
            self._end()  # also where an error of ours ends the thread

    def _end(self) -> None:
        with self._changed:
            self._closed = True
            waiting = self._queue.everybody()
            self._labels.end()
        self._desk.ended(waiting)

    def _refused(self, now: float) -> tuple[list[Request], float | None]:
        """Who cannot wait until the device is back, and how long that still is; None: nobody knows."""
        if self._lent_until is None:
            return [], None
        if self._lent_until <= now:
            return self._queue.everybody(), None
        return self._queue.ending_before(self._lent_until), self._lent_until - now

    def _check_open(self) -> None:
        if self._closed:
            raise EndedError("The inference server has ended; start it again.")

    def _tell(self) -> None:
        self._news = True
        self._changed.notify_all()
