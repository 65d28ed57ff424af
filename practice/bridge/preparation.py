"""The minutes before a run's work can begin: people read how far it is, and may wish otherwise."""

import time

from practice.bridge.session import Ears, patiently
from practice.models import Run
from practice.services.progress import note_run, rest_run

TELL_SECONDS = 10.0
"""Least time between two lines of the log."""


class InterruptedByWishError(Exception):
    """Somebody wished the run to pause or to end while it was being prepared."""


class Preparation:
    """Told how many of how many rows are ready; a run that resumes prepares anew what was not finished."""

    def __init__(self, run: Run, owner: str, ears: Ears) -> None:
        self._run, self._owner, self._ears = run, owner, ears
        self._told_at: float | None = None

    def told(self, done: int, total: int) -> None:
        """Hear the worker, and write a line now and then.

        Raises:
            InterruptedByWishError: there is a wish.
            LeaseLostError: another process holds the run.
        """
        if self._ears.wish:
            raise InterruptedByWishError
        now = time.monotonic()
        if self._told_at is not None and now - self._told_at < TELL_SECONDS:
            return
        text = f"{done:,} of {total:,} steps have their pictures on disk, ready to learn from."
        if self._told_at is None:
            text = f"The pictures of {total:,} steps are laid out on disk, once for these demonstrations."
        self._told_at = now
        patiently(lambda: note_run(self._run.pk, owner=self._owner, text=text))

    def rest(self) -> None:
        """Do as was wished; a worker that leaves hands the run back itself."""
        if self._ears.wish in {Run.Wish.PAUSE, Run.Wish.STOP}:
            patiently(lambda: rest_run(self._run.pk, owner=self._owner))
