"""What a robot that asks gets: an answer, or an error that says why not. No torch here: robots import this."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models_store.errors import LearningError


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What to do now, and how far it still is."""

    action: NDArray[np.float32]
    """(A,) as the policy chose, in the robot's units, before the task's limits."""

    log_prob: float
    """log p(a | o, g) of the policy that drew it, nats."""

    distance: float | None
    """d(o, g) at this observation, steps; None without a judge."""

    done: bool | None
    """Whether the detector says success, d(o, g) <= s; None without a judge or threshold."""

    policy: str
    """Name of the checkpoint that acted."""


class InferenceError(LearningError):
    """There is no answer; the robot holds."""

    code = "failed"


class LateError(InferenceError):
    """The deadline is over. What was decided for a moment that has passed is not handed out."""

    code = "late"


class SupersededError(InferenceError):
    """The robot has asked again meanwhile."""

    code = "superseded"


class BusyError(InferenceError):
    """The device is lent to a learner for longer than the deadline allows."""

    code = "busy"

    def __init__(self, message: str, seconds: float | None = None) -> None:
        """Seconds: how long it is still expected to be; None where that is not known."""
        super().__init__(message)
        self.seconds = seconds


class EndedError(InferenceError):
    """The server has ended."""

    code = "ended"
