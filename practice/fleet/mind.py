"""Questions to models, asked now and answered when needed, in other threads where that helps.

Torch lets go of the interpreter while it computes, so two groups of robots are thought about on two
cores. Answers are taken in the order of the questions and noise is drawn only then: threads change
no number.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from models_store.instructions import Instructions
from practice.embodiments.interface import Observation
from practice.fleet.drivers import Driver, Judge, PolicyDriver, Verdict
from practice.fleet.memory import keep_freed_memory


class Mind:
    """Asks drivers and judges."""

    def __init__(self, threads: int) -> None:
        """With no threads a question is thought about when its answer is wanted."""
        self._threads: ThreadPoolExecutor | None = None
        if threads:
            keep_freed_memory()
            # Each thought keeps to one core, or they would fight over all of them. Torch counts per
            # thread; asking settles the number of this one before others choose theirs.
            torch.get_num_threads()
            self._threads = ThreadPoolExecutor(
                threads, "mind", initializer=torch.set_num_threads, initargs=(1,)
            )

    def act(
        self,
        driver: Driver,
        observation: Observation,
        instructions: Instructions,
        robots: NDArray[np.int64],
    ) -> Callable[[], NDArray[np.float32]]:
        """Gives the actions (k, A) when called."""
        if self._threads is None or not isinstance(driver, PolicyDriver):
            return partial(driver.act, observation, instructions, robots)
        thought = self._threads.submit(driver.think, observation, instructions)
        return lambda: driver.choose(thought.result())

    def judge(
        self, judge: Judge, observation: Observation, instructions: Instructions, *, details: bool
    ) -> Callable[[], Verdict]:
        """Gives the verdict on the rows when called."""
        if self._threads is None:
            return partial(judge, observation, instructions, details=details)
        return self._threads.submit(judge, observation, instructions, details=details).result

    def close(self) -> None:
        """End the threads."""
        if self._threads is not None:
            self._threads.shutdown(wait=False)
