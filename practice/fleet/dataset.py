"""Scripted demonstrations as a LeRobotDataset v3.0, ready for anybody's upload door."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models_store.errors import LearningError
from practice.embodiments.interface import Demonstrator, Embodiment, Observation
from practice.episodes.lerobot_write import Written, write_dataset
from practice.episodes.notes import Notes
from practice.episodes.types import Episode
from practice.fleet.demonstrations import Experts, iter_demonstrations

Facts = Mapping[str, str | float]
"""What a demonstrator says of an episode, e.g. {"style": "hesitant", "quality": 0.4}."""


def write_demonstrations(
    robot: Embodiment,
    out: Path,
    count: int,
    *,
    seed: int = 0,
    style: str | None = None,
    processes: int = 0,
    progress: Callable[[int], None] | None = None,
) -> Written:
    """Write `count` demonstrations of the embodiment's own expert to the .zip `out`, whole or not at all.

    `style` says which expert, where there are several; `processes` simulate, or with 0 this one does; `progress` gets the demonstrations
    written so far. Everything random follows from `seed`. Raises LearningError: there is no such expert, or it fails too often.
    """
    spec = robot.spec
    listener = _Listener(experts_of(robot, style), spec.id, style)
    return write_dataset(
        out,
        iter_demonstrations(
            robot,
            count,
            seed=seed,
            instructions=spec.instructions,
            processes=processes,
            experts=listener.make,
        ),
        features={**spec.observation, "action": spec.action},
        fps=round(spec.control_hz),
        robot_type=spec.id,
        as_zip=True,
        notes=listener.notes,
        progress=progress,
    )


def experts_of(robot: Embodiment, style: str | None) -> Experts:
    """Makes the embodiment's experts of this style.

    Raises:
        LearningError: it has one style only.
    """
    if style is None:
        return robot.demonstrator
    if "style" not in inspect.signature(robot.demonstrator).parameters:
        raise LearningError(f"{robot.spec.title} has one demonstrator; leave the style out.")

    def make(num_robots: int) -> Demonstrator:
        return robot.demonstrator(num_robots, style=style)  # type: ignore[call-arg]  # looked at

    return make


class _Listener:
    """Asks experts about each episode before they begin the next: only then is all of it known."""

    def __init__(self, experts: Experts, embodiment_id: str, style: str | None) -> None:
        self._experts, self._style = experts, style
        self._source = f"scripted demonstrator of {embodiment_id}" + (f", {style}" if style else "")
        self._asked: dict[int, Facts] = {}
        self._running: _Asked | None = None

    def make(self, num_robots: int) -> Demonstrator:
        """An expert that is listened to."""
        self._running = _Asked(self._experts(num_robots), self._asked)
        return self._running

    def notes(self, episode: Episode) -> Notes:
        """What was said of the episode; to be asked once, soon after it ended."""
        if self._running is not None:
            self._running.ask(episode.seed)
        facts = self._asked.pop(episode.seed, {})
        quality = facts.get("quality")
        return Notes(
            style=str(facts["style"]) if "style" in facts else self._style,
            quality=None if quality is None else float(quality),
            source=self._source,
        )


class _Asked:
    """A demonstrator that behaves as the one inside."""

    def __init__(self, inner: Demonstrator, asked: dict[int, Facts]) -> None:
        self._inner, self._asked = inner, asked
        self._notes: Callable[[int], Facts] | None = getattr(inner, "notes", None)
        self._robot: dict[int, int] = {}
        self._seed: dict[int, int] = {}

    def begin(
        self, robots: NDArray[np.int64], seeds: NDArray[np.uint64], instructions: Sequence[str]
    ) -> None:
        """Ask about what these robots did, then begin anew."""
        for robot, seed in zip(robots.tolist(), seeds.tolist(), strict=True):
            if robot in self._seed:
                self.ask(self._seed[robot])
            self._seed[robot], self._robot[seed] = seed, robot
        self._inner.begin(robots, seeds, instructions)

    def act(self, observation: Observation, robots: NDArray[np.int64]) -> NDArray[np.float32]:
        """The inner one's actions."""
        return self._inner.act(observation, robots)

    def ask(self, seed: int) -> None:
        """Keep what is said of an episode, unless it has been asked before."""
        robot = self._robot.pop(seed, None)
        if robot is not None and self._notes is not None:
            self._asked[seed] = self._notes(robot)
