"""Which episode each robot is in, and how episodes end: vectors of length R, no loops."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from practice.embodiments.seeds import derive
from practice.episodes.types import EndedBy

ENDED_BY: tuple[EndedBy, ...] = ("detector", "success", "horizon", "stop")
TerminateOn = Literal["detector", "success"]


@dataclass(frozen=True, slots=True)
class Rules:
    """When an episode ends."""

    horizon: int
    threshold: float
    """s, steps: the detector says done at d(o, g) <= s."""

    terminate_on: TerminateOn = "detector"
    detector_hold: int = 1
    """Ticks in a row the detector must say done before it ends an episode."""

    linger: int = 0
    """Ticks an episode that true success ends goes on after it, so that arrival is seen as well."""


@dataclass(frozen=True, slots=True)
class Endings:
    """The k episodes that ended at one tick, or over many ticks when joined; all (k,)."""

    robot: NDArray[np.int64]
    counter: NDArray[np.int64]
    """The how-manieth episode of the whole fleet."""

    steps: NDArray[np.int64]
    ended_by: NDArray[np.int64]
    """Index in ENDED_BY."""

    true_success: NDArray[np.bool_]
    """The goal was reached at some step; False as well where nobody knows."""

    detector: NDArray[np.bool_]
    """d(o_T, g) <= s"""

    fired_step: NDArray[np.int64]
    """When the detector first said done; -1 for never."""

    fired_true: NDArray[np.bool_]
    """Whether the goal had been reached by then."""

    success_step: NDArray[np.int64]
    """After how many steps the goal was first reached; -1 for never."""

    @classmethod
    def join(cls, parts: list[Endings]) -> Endings:
        """One after the other."""
        if not parts:
            none = np.zeros(0, dtype=np.int64)
            no = np.zeros(0, dtype=np.bool_)
            return cls(none, none, none, none, no, no, none, no, none)
        return cls(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(cls)))

    def to_tree(self) -> dict[str, NDArray[Any]]:
        """Field name -> array."""
        return {item.name: getattr(self, item.name) for item in fields(self)}

    @classmethod
    def from_tree(cls, tree: Mapping[str, NDArray[Any]]) -> Endings:
        """What `to_tree` gave."""
        return cls(**tree)

    def __len__(self) -> int:
        """k"""
        return int(self.robot.shape[0])


class EpisodeBook:
    """Running episodes: seed, step, success so far, what the detector has said."""

    _STATE = (
        "step",
        "number",
        "counter",
        "seed",
        "succeeded",
        "detector",
        "held",
        "fired_step",
        "fired_true",
        "success_step",
        "active",
        "fresh",
    )

    def __init__(
        self, num_robots: int, *, seed: int, first_seed: int | None = None, episodes: int | None
    ) -> None:
        """Seeds are derived from `seed`, or count up from `first_seed`.

        Args:
            num_robots: R.
            seed: of the run.
            first_seed: when given, episode n has exactly the seed `first_seed + n`.
            episodes: how many episodes to start altogether; None for no end.
        """
        self._seed, self._first_seed, self._episodes = seed, first_seed, episodes
        self.started = 0
        self.step = np.zeros(num_robots, dtype=np.int64)
        self.number = np.full(num_robots, -1, dtype=np.int64)
        self.counter = np.zeros(num_robots, dtype=np.int64)
        self.seed = np.zeros(num_robots, dtype=np.uint64)
        self.succeeded = np.zeros(num_robots, dtype=np.bool_)
        self.detector = np.zeros(num_robots, dtype=np.bool_)
        self.held = np.zeros(num_robots, dtype=np.int64)
        self.fired_step = np.full(num_robots, -1, dtype=np.int64)
        self.fired_true = np.zeros(num_robots, dtype=np.bool_)
        self.success_step = np.full(num_robots, -1, dtype=np.int64)
        self.active = np.zeros(num_robots, dtype=np.bool_)
        self.fresh = np.zeros(num_robots, dtype=np.bool_)

    def begin(self, robots: NDArray[np.int64]) -> NDArray[np.int64]:
        """Give each robot its next episode; returns those that got one, the rest go idle."""
        left = len(robots) if self._episodes is None else self._episodes - self.started
        self.active[robots[left:]] = False
        robots = robots[:left]
        counters = self.started + np.arange(len(robots), dtype=np.int64)
        self.started += len(robots)
        self.counter[robots] = counters
        if self._first_seed is None:
            self.seed[robots] = derive(self._seed, counters)
        else:
            self.seed[robots] = counters.astype(np.uint64) + np.uint64(self._first_seed)
        self.number[robots] += 1
        for flags in (self.succeeded, self.detector, self.fired_true):
            flags[robots] = False
        self.step[robots], self.held[robots], self.fired_step[robots] = 0, 0, -1
        self.success_step[robots] = -1
        self.active[robots], self.fresh[robots] = True, True
        return robots

    def advance(
        self,
        rows: NDArray[np.int64],
        success: NDArray[np.bool_] | None,
        distance: NDArray[np.float32] | None,
        rules: Rules,
    ) -> NDArray[np.int64]:
        """Take in one tick of the active robots `rows`, (k,) each.

        Returns:
            (k,) index in ENDED_BY, or -1 for episodes that go on.
        """
        step = self.step[rows] + 1
        self.step[rows], self.fresh[rows] = step, False
        reason = np.where(step >= rules.horizon, ENDED_BY.index("horizon"), -1)
        if success is not None:
            first_time = success & ~self.succeeded[rows]
            self.succeeded[rows] |= success
            self.success_step[rows[first_time]] = step[first_time]
            if rules.terminate_on == "success":
                since = step - self.success_step[rows]
                arrived = self.succeeded[rows] & ((since >= rules.linger) | (step >= rules.horizon))
                reason[arrived] = ENDED_BY.index("success")
        if distance is not None:
            says_done = distance <= rules.threshold
            self.detector[rows] = says_done
            held = self.held[rows] = np.where(says_done, self.held[rows] + 1, 0)
            first = rows[(held >= rules.detector_hold) & (self.fired_step[rows] < 0)]
            self.fired_step[first] = self.step[first]
            self.fired_true[first] = self.succeeded[first]
            if rules.terminate_on == "detector":
                reason[held >= rules.detector_hold] = ENDED_BY.index("detector")
        return reason

    def endings(self, robots: NDArray[np.int64], reason: NDArray[np.int64]) -> Endings:
        """The record of episodes that just ended, (k,) robots and reasons."""
        return Endings(
            robots,
            self.counter[robots],
            self.step[robots],
            reason,
            self.succeeded[robots],
            self.detector[robots],
            self.fired_step[robots],
            self.fired_true[robots],
            self.success_step[robots],
        )

    def uid(self, robot: int) -> str:
        """Name of the episode the robot is in, unique within the run."""
        return f"r{robot}-e{int(self.number[robot])}"

    def state(self) -> dict[str, Any]:
        """Every vector and the count."""
        return {"started": self.started, **{n: getattr(self, n).copy() for n in self._STATE}}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from `state()`."""
        self.started = int(state["started"])
        for name in self._STATE:
            setattr(self, name, np.array(state[name]))
