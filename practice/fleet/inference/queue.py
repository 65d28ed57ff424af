"""Whose question is answered when. No thread and no clock here: whoever asks says what time it is.

Questions wait in the order of their deadlines. A batch is closed as soon as nobody else can be expected to
join it in time, or when its first question has waited long enough, or its earliest deadline leaves just the time
to compute it, or when it is full.
"""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass, field

from practice.fleet.inference.answers import Answer
from practice.fleet.inference.measures import Cost
from practice.fleet.inference.thinking import Question

PRESENT_PERIODS = 3
"""A robot that has not asked for so many control periods is not waited for."""


@dataclass(frozen=True, slots=True)
class Rules:
    """How questions are gathered."""

    period_s: float = 0.1
    """Seconds of a control period: how often each robot is expected to ask."""

    max_batch: int = 64
    """Rows of a batch."""

    patience_s: float | None = None
    """Longest that a question waits for others to join. None: as long as its batch takes to compute, so that waiting at most
    doubles what an answer takes. Infinity: as its deadline allows, for the largest batches. 0: not at all, then a batch
    holds what came while the one before was computed.
    """


@dataclass(eq=False, slots=True)
class Request:
    """One question on its way."""

    question: Question
    asked: float
    deadline: float
    """Both in seconds of the server's clock."""

    future: Future[Answer] = field(default_factory=Future)

    @property
    def robot(self) -> str:
        """Who asked."""
        return self.question.robot


class Queue:
    """Questions that wait, at most one per robot, and when each robot last asked."""

    def __init__(self, rules: Rules, cost: Cost) -> None:
        """`cost` says how long batches take."""
        self._rules, self._cost = rules, cost
        self._waiting: dict[str, Request] = {}
        self._heard: dict[str, tuple[float, float]] = {}
        """Robot -> when it last asked, and for how long that answer was of use."""

    def __len__(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def add(self, request: Request) -> Request | None:
        """One more; gives the older one of the same robot that it replaces."""
        self._heard[request.robot] = (request.asked, request.deadline - request.asked)
        older = self._waiting.get(request.robot)
        self._waiting[request.robot] = request
        return older

    def leave(self, robot: str) -> Request | None:
        """The robot has gone: nobody waits for it; gives what it had asked."""
        self._heard.pop(robot, None)
        return self._waiting.pop(robot, None)

    def overdue(self, now: float) -> list[Request]:
        """Takes out those whose deadline is over."""
        return self._take([one for one in self._waiting.values() if one.deadline <= now])

    def ending_before(self, time: float) -> list[Request]:
        """Takes out those whose deadline does not reach that far."""
        return self._take([one for one in self._waiting.values() if one.deadline < time])

    def everybody(self) -> list[Request]:
        """Takes out everything."""
        return self._take(list(self._waiting.values()))

    def next_deadline(self) -> float | None:
        """The earliest of those that wait."""
        return min((one.deadline for one in self._waiting.values()), default=None)

    def closes(self, now: float) -> float | None:
        """When the next batch closes unless somebody asks before; None where nobody waits."""
        if not self._waiting:
            return None
        timely, limit = self._timely(now), self._rules.max_batch
        if not timely or len(timely) >= limit:
            return now
        at = timely[0].deadline - self._cost.cautious(len(timely))
        patience = self._rules.patience_s
        if patience is None:
            patience = self._cost.expected(len(timely))
        at = min(at, min(one.asked for one in timely) + patience)
        return max(now, min(at, self._longest_wait(now, at)))

    def batch(self, now: float) -> list[Request]:
        """Takes out a batch, earliest deadline first, as large as the earliest leaves time for.

        Those that not even a batch of one would answer in time come last: they take nobody's place, and
        where nobody else waits they are tried all the same, for the expectation may be wrong.
        """
        timely, limit = self._timely(now), self._rules.max_batch
        if not timely:
            return self._take(self._in_order()[:limit])
        size = min(len(timely), limit)
        while size > 1 and now + self._cost.expected(size) > timely[0].deadline:
            size -= 1
        return self._take(timely[:size])

    def room(self, now: float) -> float | None:
        """Seconds for which the device may do something else without making anybody late who may ask meanwhile;
        None where no robot is present.
        """
        present = [useful for asked, useful in self._heard.values() if asked > now - self._presence]
        if not present:
            return None
        return min(present) - self._cost.cautious(min(len(present), self._rules.max_batch))

    def silent(self, now: float, seconds: float) -> list[str]:
        """Forgets robots not heard of for so long; who they were."""
        gone = [robot for robot, (asked, _) in self._heard.items() if asked < now - seconds]
        for robot in gone:
            del self._heard[robot]
        return gone

    @property
    def _presence(self) -> float:
        return PRESENT_PERIODS * self._rules.period_s

    def _longest_wait(self, now: float, closes: float) -> float:
        """When the last robot that may still join in time, at its period, will have been given up."""
        return max(
            (
                asked + self._presence
                for robot, (asked, _) in self._heard.items()
                if robot not in self._waiting and asked + self._rules.period_s <= closes
            ),
            default=now,
        )

    def _timely(self, now: float) -> list[Request]:
        soonest = now + self._cost.expected(1)
        return [one for one in self._in_order() if one.deadline >= soonest]

    def _in_order(self) -> list[Request]:
        return sorted(self._waiting.values(), key=lambda one: one.deadline)

    def _take(self, requests: list[Request]) -> list[Request]:
        for one in requests:
            del self._waiting[one.robot]
        return requests
