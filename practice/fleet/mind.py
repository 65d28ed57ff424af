"""Questions to models, asked now and answered when needed, in other threads where that helps.

Torch lets go of the interpreter while it computes, so two groups of robots are thought about on two
cores. Answers are taken in the order of the questions and noise is drawn only then: threads change
no number.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

from practice.fleet.memory import keep_freed_memory

_Answer = TypeVar("_Answer")


class Mind:
    """Where questions are thought about."""

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

    def ask(self, question: Callable[[], _Answer]) -> Callable[[], _Answer]:
        """Gives the answer when called."""
        return question if self._threads is None else self._threads.submit(question).result

    def close(self) -> None:
        """End the threads."""
        if self._threads is not None:
            self._threads.shutdown(wait=False)
