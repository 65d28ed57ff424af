"""What an embodiment offers. A new one is one module that keeps these protocols and one line in
the registry.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from practice.embodiments.spec import EmbodimentSpec

Observation = dict[str, NDArray[Any]]
"""Feature name -> array; the leading axis, where there is one, counts robots."""


@dataclass(frozen=True, slots=True)
class Transition:
    """What one control tick led to, for every robot of the fleet, before any reset."""

    observation: Observation
    """Name -> (R, ...)"""

    success: NDArray[np.bool_] | None
    """(R,) whether the robot is at its goal now; None where nobody knows."""


class FleetSim(Protocol):
    """R simulated robots that move in lock step."""

    num_robots: int

    def reset(
        self, robots: NDArray[np.int64], seeds: NDArray[np.uint64], instructions: Sequence[str]
    ) -> Observation:
        """Start new episodes for these robots, (k,) each; their observations, name -> (k, ...).

        A start follows from its seed and, where goals differ, its instruction, and from nothing else.
        """
        ...

    def step(self, action: NDArray[Any]) -> Transition:
        """Apply (R, A) actions for one control tick. Returned arrays are never changed later."""
        ...

    def step_rows(self, robots: NDArray[np.int64], action: NDArray[Any]) -> Transition:
        """Apply (k, A) actions to these robots only, (k,) ascending; the others stay as they are.
        The policy answers for some robots while others move, and robots that wait cost nothing.

        Returns:
            Rows (k, ...) of what these robots met. Returned arrays are never changed later.
        """
        ...

    def state(self) -> dict[str, Any]:
        """All that is needed to go on exactly: arrays whose leading axis counts robots, by name,
        nested in dicts if need be, so that fleets can be divided and joined.
        """
        ...

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from `state()`."""
        ...


class Demonstrator(Protocol):
    """A scripted expert. It may remember where each robot is heading."""

    def begin(
        self, robots: NDArray[np.int64], seeds: NDArray[np.uint64], instructions: Sequence[str]
    ) -> None:
        """New episodes begin for these robots, (k,) each."""
        ...

    def act(self, observation: Observation, robots: NDArray[np.int64]) -> NDArray[np.float32]:
        """Actions (k, A) for the rows of the observation, which belong to `robots`, (k,)."""
        ...


class Embodiment(Protocol):
    """One kind of robot: facts, simulation, picture, expert."""

    spec: EmbodimentSpec

    def make_fleet(self, num_robots: int) -> FleetSim:
        """R robots, not yet started: reset them all before the first step."""
        ...

    def action_limits(
        self, limits: Mapping[str, float]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Lowest and highest action (A,) under a task's limits."""
        ...

    def render(self, observation: Observation, *, size: int) -> NDArray[np.uint8]:
        """The picture (size, size, 3) of one robot's observation; the same in, the same out."""
        ...

    def demonstrator(self, num_robots: int) -> Demonstrator:
        """An expert for as many robots."""
        ...

    def check_instruction(self, text: str) -> None:
        """Whether the simulator understands this goal.

        Raises:
            LearningError: it does not; the message names the text and gives an example.
        """
        ...

    def keep_demonstration(self, length: int, success: bool) -> bool:
        """Whether an attempt of this many steps is fit to be a demonstration."""
        ...


@dataclass(frozen=True, slots=True)
class Scenes:
    """N pictures of a robot's world at play, and where in it things are.

    They are to a small model what pictures with pointed-at things on the web are to a large one:
    no task is done in them and no action is shown.
    """

    observation: Observation
    """What the robot senses, name -> (N, ...); no privileged features."""

    before: Observation
    """Each camera one step earlier, name -> (N, H, W, 3)."""

    landmarks: NDArray[np.float32]
    """(N, axes P) metres: x, y and perhaps z of P places, what the instruction names and whatever else
    there is.
    """

    instructions: tuple[str, ...]
    instruction: NDArray[np.int64]
    """(N,) position in `instructions`"""

    axes: int = 2
    """Numbers per place: 2 on a table, 3 in the air."""

    def __len__(self) -> int:
        """N"""
        return len(self.landmarks)


@runtime_checkable
class ShowsScenes(Protocol):
    """An embodiment whose simulator can draw its world and say where things are."""

    def scenes(self, count: int, *, seed: int, instructions: Sequence[str] = ()) -> Scenes:
        """`count` pictures in random order that follow from the seed, of the embodiment's own
        instructions and those of `instructions` that it understands.
        """
        ...


@dataclass(frozen=True, slots=True)
class Captioned:
    """N pictures of a robot's world, each with C sentences that are true of it and C that are not.

    No place, no action and no goal comes with them: they are to a small model what captioned pictures
    on the web are to a large one.
    """

    observation: Observation
    """Each camera, name -> (N, H, W, 3)."""

    before: Observation
    """The same one step earlier."""

    texts: tuple[str, ...]
    caption: NDArray[np.int64]
    """(N, C) true sentences, by their positions in `texts`."""

    wrong: NDArray[np.int64]
    """(N, C) false ones, each a single word away from the true one."""

    def __len__(self) -> int:
        """N"""
        return len(self.caption)


@runtime_checkable
class ShowsCaptioned(Protocol):
    """An embodiment whose simulator can draw its world and say in words what is seen."""

    def captioned(self, count: int, *, seed: int, captions: int) -> Captioned:
        """At most `count` pictures in random order that follow from the seed, with so many captions
        each; a picture of which nothing certain can be said is left out.
        """
        ...
