"""Steps-to-go of whole episodes, computed piece by piece while nobody waits for an action."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models_store.errors import LearningError
from practice.fleet.inference.answers import EndedError
from practice.fleet.inference.features import Feature, check
from practice.fleet.inference.measures import Cost, Counts
from practice.fleet.inference.thinking import Arrays, Thinker

_FREE = 0.25
"""Seconds of a piece while no robot is present: one that comes is soon served."""


@dataclass(eq=False)
class _Job:
    thinker: Thinker
    """One judge for a whole episode, whoever serves meanwhile."""

    observation: Arrays
    instruction: str
    distance: NDArray[np.float32]
    done: int = 0
    future: Future[NDArray[np.float32]] = field(default_factory=Future)


class Labels:
    """Episodes that wait for theirs, in the order in which they came."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """None wait."""
        self._clock, self._cost = clock, Cost()
        self._jobs: deque[_Job] = deque()

    def __len__(self) -> int:
        """Episodes that wait."""
        return len(self._jobs)

    def add(
        self, thinker: Thinker, observation: Mapping[str, NDArray[Any]], instruction: str
    ) -> Future[NDArray[np.float32]]:
        """One more episode, name -> (T, ...); what the judge does not read is left out.

        Raises:
            LearningError: there is no judge, or the episode is not what it reads.
        """
        judge = thinker.judge
        if judge is None:
            raise LearningError("Steps-to-go are a reward model's; serve the policy with one.")
        features = {name: thinker.features[name] for name in judge.spec.inputs}
        read = {name: values for name, values in observation.items() if name in features}
        frames = _frames(read, features)
        job = _Job(thinker, read, instruction, np.zeros(frames, dtype=np.float32))
        self._jobs.append(job)
        return job.future

    def some(self, room: float | None, counts: Counts) -> bool:
        """Compute a piece that takes `room` seconds at most; whether there was anything to do that fits."""
        while self._jobs and self._jobs[0].future.cancelled():
            self._jobs.popleft()
        if not self._jobs:
            return False
        job = self._jobs[0]
        judge = job.thinker.judge
        assert judge is not None, "jobs have one"
        rows = self._cost.most(_FREE if room is None else room, judge.rows_at_once)
        if not rows:
            return False
        last = min(job.done + rows, len(job.distance))
        began = self._clock()
        try:
            found = job.thinker.distances(job.observation, job.instruction, job.done, last)
        except (LearningError, RuntimeError) as error:  # torch's own are RuntimeErrors
            self._jobs.popleft()
            if job.future.set_running_or_notify_cancel():
                job.future.set_exception(LearningError(f"No labels were computed: {error}"))
            return True
        self._cost.tell(last - job.done, self._clock() - began)
        counts.labels(last - job.done)
        job.distance[job.done : last] = found
        job.done = last
        if last == len(job.distance):
            self._jobs.popleft()
            if job.future.set_running_or_notify_cancel():
                job.future.set_result(job.distance)
        return True

    def end(self) -> None:
        """Whoever waits hears that nothing comes."""
        while self._jobs:
            future = self._jobs.popleft().future
            if future.set_running_or_notify_cancel():
                future.set_exception(EndedError("The inference server has ended."))


def _frames(observation: Mapping[str, NDArray[Any]], features: Mapping[str, Feature]) -> int:
    """T, once every frame is what the judge reads."""
    lengths = {len(values) if values.ndim else 0 for values in observation.values()}
    if len(lengths) != 1 or 0 in lengths:
        raise LearningError(
            f"An episode's features have one and the same number of frames, 1 or more; got {sorted(lengths)}."
        )
    check({name: values[0] for name, values in observation.items()}, features)
    for name, feature in features.items():
        if feature.dtype == "float32" and not np.isfinite(observation[name]).all():
            raise LearningError(f"{name} holds a number that is not finite; check that recording.")
    return lengths.pop()
