"""Where answers are handed out, each once, and counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future

from models_store.errors import LearningError
from practice.fleet.inference.answers import (
    Answer,
    BusyError,
    EndedError,
    InferenceError,
    LateError,
    SupersededError,
)
from practice.fleet.inference.measures import Cost, Counts
from practice.fleet.inference.queue import Request
from practice.fleet.inference.thinking import Thinker


class Desk:
    """Settles requests; called by one thread that thinks and by all that ask."""

    def __init__(self, clock: Callable[[], float], cost: Cost) -> None:
        """`cost` is told how long batches take."""
        self._clock, self._cost, self.counts = clock, cost, Counts()

    def answer(self, thinker: Thinker, batch: Sequence[Request]) -> None:
        """Compute answers; whoever no longer wants one costs nothing."""
        wanted = [one for one in batch if one.future.set_running_or_notify_cancel()]
        if not wanted:
            return
        try:
            self._compute(thinker, wanted)
        finally:
            for one in wanted:  # an error of ours ends the thread, but nobody waits for ever
                if not one.future.done():
                    one.future.set_exception(EndedError("The inference server has ended."))

    def late(self, requests: Sequence[Request]) -> None:
        """Their deadlines are over and nothing was computed."""
        for one in requests:
            self._refuse(one, LateError("The deadline was over before the answer was computed."))

    def superseded(self, request: Request | None, why: str) -> None:
        """The robot does not want this any more."""
        if request is not None:
            self._refuse(request, SupersededError(why))

    def busy(self, requests: Sequence[Request], seconds: float | None) -> None:
        """The device is lent, for so long still."""
        long = "longer than was said" if seconds is None else f"{seconds:.2f} s still"
        for one in requests:
            self._refuse(one, BusyError(f"The device is lent to a learner, for {long}.", seconds))

    def ended(self, requests: Sequence[Request]) -> None:
        """Nobody thinks any more."""
        for one in requests:
            self._refuse(one, EndedError("The inference server has ended."))

    def _compute(self, thinker: Thinker, wanted: Sequence[Request]) -> None:
        began = self._clock()
        try:
            answers = thinker.act([one.question for one in wanted])
        except (
            LearningError,
            RuntimeError,
            ValueError,
            IndexError,
        ) as error:  # as torch and transformers refuse
            if len(wanted) > 1:  # whoever is to blame must not cost the others theirs
                for one in wanted:
                    self._compute(thinker, [one])
                return
            self.counts.count("failed")
            wanted[0].future.set_exception(InferenceError(f"Nothing was computed: {error}"))
            return
        now = self._clock()
        self._cost.tell(len(wanted), now - began)
        self.counts.batch(len(wanted))
        for one, answer in zip(wanted, answers, strict=True):
            self._hand_out(one, answer, now)

    def _hand_out(self, request: Request, answer: Answer, now: float) -> None:
        if now > request.deadline:
            self.counts.count(LateError.code)
            over = 1_000 * (now - request.deadline)
            request.future.set_exception(LateError(f"The answer came {over:.0f} ms too late."))
        else:
            self.counts.answered(now - request.asked)
            request.future.set_result(answer)

    def _refuse(self, request: Request, error: InferenceError) -> None:
        future: Future[Answer] = request.future
        if future.set_running_or_notify_cancel():
            self.counts.count(error.code)
            future.set_exception(error)
