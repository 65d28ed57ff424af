"""What each robot showed last: the picture of one step before, for models that look at two."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from practice.fleet.inference.thinking import Arrays, Frame


@dataclass(slots=True)
class _Last:
    episode: int
    number: int
    """Of its newest question in this episode, from 0."""

    frame: Frame


class Robots:
    """The newest frame of each robot."""

    def __init__(self) -> None:
        """Nobody has been seen."""
        self._last: dict[str, _Last] = {}

    def __contains__(self, robot: str) -> bool:
        """Whether it is known."""
        return robot in self._last

    def see(self, robot: str, observation: Arrays, episode: int) -> tuple[Frame, Frame, int]:
        """Keep a copy of what a robot sees now; that, what it saw one step before, and the step's number.

        A question counts as a step whether it is answered or not: the world moves on. An episode's first frame is
        its own previous one.
        """
        frame = Frame({name: np.array(values) for name, values in observation.items()})
        last = self._last.get(robot)
        if last is None or last.episode != episode:
            self._last[robot] = _Last(episode, 0, frame)
            return frame, frame, 0
        before, last.frame = last.frame, frame
        last.number += 1
        return frame, before, last.number

    def forget(self, robot: str) -> None:
        """Let go of what it saw."""
        self._last.pop(robot, None)
