"""How driver and judge come to know what the robots see.

Looking at pictures is most of what a tick costs. Where policy and judge see alike, every
observation is looked at once: what the judge sees after a step is what the policy sees before the
next one. Stage 2 trains neither, so what was seen stays true.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models_store.efm import SEEN, LookingEFM
from models_store.instructions import Instructions
from practice.embodiments.interface import Observation
from practice.fleet.drivers import Driver, Judge, PolicyDriver, Verdict
from practice.fleet.mind import Mind
from practice.fleet.senses import take

_Rows = NDArray[np.int64]
_Seen = NDArray[np.float32]


_MOST_KEPT = 128 * 2**20
"""Numbers kept of what was seen in all running episodes: 512 MB. Where it is more, pictures are kept."""


class Part(NamedTuple):
    """Robots that are asked about together."""

    robots: _Rows
    """(k,)"""

    fresh: _Rows
    """Positions, within the part, of robots that are at the start of their episode."""

    observation: Observation
    """Before the action: name -> (k, ...)"""

    instructions: Instructions
    """(k,)"""

    def and_starts(self) -> Instructions:
        """(k + f,): of all, and once more of the fresh ones."""
        if not len(self.fresh):
            return self.instructions
        index = self.instructions.index
        return Instructions(self.instructions.texts, np.concatenate([index, index[self.fresh]]))


class Sight:
    """Driver and judge look for themselves, whatever they are."""

    keeps = False
    """Whether what was seen is kept for learning, in place of the observation."""

    def __init__(self, driver: Driver, judge: Judge | None, mind: Mind) -> None:
        """Asked through `mind`."""
        self._driver, self._judge, self._mind = driver, judge, mind

    def act(self, part: Part) -> Callable[[], NDArray[np.float32]]:
        """Gives the actions (k, A) when called."""
        driver = self._driver
        if not isinstance(driver, PolicyDriver):
            return partial(driver.act, part.observation, part.instructions, part.robots)
        thought = self._mind.ask(partial(driver.think, part.observation, part.instructions))
        return lambda: driver.choose(thought())

    def meet(
        self, part: Part, after: Observation, *, details: bool
    ) -> Callable[[], Verdict] | None:
        """Show what the part met; without a judge nobody says anything to it.

        Gives the verdict on (k + f,) rows when called: d at the start of fresh ones comes last.
        """
        if self._judge is None:
            return None
        if len(part.fresh):
            after = {
                name: np.concatenate([rows, part.observation[name][part.fresh]])
                for name, rows in after.items()
            }
        return self._mind.ask(partial(self._judge, after, part.and_starts(), details=details))

    def of(self, robots: _Rows) -> _Seen | None:
        """What these robots act upon, (k, F); None where it is not kept."""
        return None

    def state(self) -> _Seen | None:
        """What has been seen, (R, F)."""
        return None

    def load_state(self, state: _Seen | None) -> None:
        """Go on from `state()`."""


class OneLook(Sight):
    """One look for policy and judge, as soon as there is something to see.

    Without a judge nobody waits for it: robots are looked at while others still move, across the
    end of the tick. Threads look and think; what was seen is kept by the asker.
    """

    def __init__(
        self,
        driver: PolicyDriver,
        judge: Judge | None,
        mind: Mind,
        num_robots: int,
        *,
        keeps: bool = True,
    ) -> None:
        """Nothing has been seen."""
        super().__init__(driver, judge, mind)
        self.keeps = keeps
        self._policy, self._robots = driver, num_robots
        self._seen: _Seen | None = None
        self._owed: list[tuple[_Rows, Callable[[], _Seen]]] = []
        """Looks begun in this order, (k,) robots each."""

    def act(self, part: Part) -> Callable[[], NDArray[np.float32]]:
        """Only robots that start are looked at."""
        robots, fresh, observation, instructions = part
        if len(fresh):
            starts = take(observation, fresh), instructions.rows(fresh)
            look = self._mind.ask(partial(self._policy.look, *starts))

        def choose() -> NDArray[np.float32]:
            self._settle(robots[-1])
            if len(fresh):
                self._keep(robots[fresh], look())
            shown = {SEEN: self._of(robots)}
            answer = self._mind.ask(partial(self._policy.think, shown, instructions))
            return self._policy.choose(answer())

        return choose

    def meet(
        self, part: Part, after: Observation, *, details: bool
    ) -> Callable[[], Verdict] | None:
        """What is seen here is what the policy acts upon next."""
        if self._judge is None:
            look = self._mind.ask(partial(self._policy.look, after, part.instructions))
            self._owed.append((part.robots, look))
            return None
        started = self._of(part.robots[part.fresh])
        judge = partial(self._judged, self._judge, part, started, after, details=details)
        answer = self._mind.ask(judge)

        def verdict() -> Verdict:
            seen, said = answer()
            self._keep(part.robots, seen)
            return said

        return verdict

    def of(self, robots: _Rows) -> _Seen | None:
        """A copy, where it is kept."""
        return self._of(robots) if self.keeps else None

    def _of(self, robots: _Rows) -> _Seen:
        assert self._seen is not None, "robots act upon what they have seen"
        return self._seen[robots]

    def state(self) -> _Seen | None:
        """A copy."""
        self._settle(self._robots)
        return None if self._seen is None else self._seen.copy()

    def load_state(self, state: _Seen | None) -> None:
        """None: nothing had been seen yet."""
        self._owed.clear()
        self._seen = None if state is None else np.array(state)

    def _judged(
        self, judge: Judge, part: Part, started: _Seen, after: Observation, *, details: bool
    ) -> tuple[_Seen, Verdict]:
        """What all of the part see after the action, and the verdict on it and on `started`."""
        seen = self._policy.look(after, part.instructions)
        shown = np.concatenate([seen, started]) if len(started) else seen
        return seen, judge({SEEN: shown}, part.and_starts(), details=details)

    def _settle(self, last: int) -> None:
        """Wait for the looks that are owed to robots up to this one."""
        due = [owed for owed in self._owed if owed[0][0] <= last]
        self._owed = [owed for owed in self._owed if owed[0][0] > last]
        for robots, look in due:
            self._keep(robots, look())

    def _keep(self, robots: _Rows, seen: _Seen) -> None:
        if self._seen is None:
            self._seen = np.zeros((self._robots, seen.shape[1]), dtype=np.float32)
        self._seen[robots] = seen


def make_sight(
    driver: Driver,
    judge: Judge | None,
    mind: Mind,
    *,
    num_robots: int,
    horizon: int,
    cameras: Sequence[str],
) -> Sight:
    """One look at an observation where all see alike, and where looking is more than a subtraction."""
    if not isinstance(driver, PolicyDriver) or not isinstance(driver.model, LookingEFM):
        return Sight(driver, judge, mind)
    if set(cameras).isdisjoint(driver.model.spec.inputs):
        return Sight(driver, judge, mind)
    if judge is None or (driver.device == judge.device and driver.model.looks_like(judge.model)):
        # A pretrained model sees a hundred thousand numbers where a small one sees a hundred.
        keeps = num_robots * horizon * driver.model.sight <= _MOST_KEPT
        return OneLook(driver, judge, mind, num_robots, keeps=keeps)
    return Sight(driver, judge, mind)
