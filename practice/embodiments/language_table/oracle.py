"""The near-perfect demonstrator, and what every demonstrator here shares.

It acts on the simulator's truth and on the goal that the instruction means. Noise, speed and the
place where it pushes are drawn from the episode's seed: experts without noise clone worse, because
nobody then sees what to do beside the expert's path.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from practice.embodiments.interface import Observation
from practice.embodiments.language_table.goals import Family, Goal, Goals
from practice.embodiments.language_table.pilot import Aim, Pilot, Scene
from practice.embodiments.language_table.presets import MAX_MOVE, STATE, TRUTH, Table
from practice.embodiments.language_table.routes import Points, length
from practice.embodiments.language_table.things import PUSHER_RADIUS
from practice.embodiments.language_table.words import read_goal
from practice.embodiments.seeds import mix, uniforms

NOISE = 0.004
"""Standard deviation of the noise of a move, metres per axis."""

MEMORY = 0.7
"""How much of a tick's noise is left at the next (Ornstein-Uhlenbeck, in discrete time)."""

_OWN_TICKS = (3.9, 1.85)
"""What the oracle needs on average: so many ticks, and so many for each longest move of way."""

_USUAL_SPEED = 0.65 * MAX_MOVE
"""Metres per tick."""

_NOISE_STREAM = np.uint64(0x6F7261636C65)
_HABIT_STREAM = np.uint64(0x686162697473)


class Oracle:
    """Goes behind the subject, pushes it where it belongs, and comes again when it has slipped."""

    def __init__(self, table: Table, num_robots: int) -> None:
        """Everything else is drawn when episodes begin."""
        self._things, self._delay = table.things, table.physics.delay
        self._horizon = table.horizon
        self._pilot = Pilot(table.things, num_robots)
        self._goals = Goals([thing.name for thing in table.things], num_robots)
        self._asked: list[Goal | None] = [None] * num_robots
        self._seed = np.zeros(num_robots, dtype=np.uint64)
        self.tick = np.zeros(num_robots, dtype=np.int64)
        """(R,) actions taken in the episode."""

        self.arrived = np.full(num_robots, -1, dtype=np.int64)
        """(R,) the tick at which the goal was first seen reached, or -1."""

        self._ideal = np.ones(num_robots)
        self._noise = np.zeros((num_robots, 2))
        self._sent = np.zeros((num_robots, self._delay, 2))
        self._speed = np.zeros(num_robots)
        self._aside = np.zeros(num_robots)
        self._wobble = np.full(num_robots, NOISE)

    def begin(
        self, robots: NDArray[np.int64], seeds: NDArray[np.uint64], instructions: Sequence[str]
    ) -> None:
        """Understand the instructions and draw how to go about them."""
        for robot, text in zip(robots.tolist(), instructions, strict=True):
            self._asked[robot] = read_goal(text, self._things)
        self._seed[robots] = seeds
        self.tick[robots], self.arrived[robots] = 0, -1
        self._noise[robots], self._sent[robots] = 0.0, 0.0
        self._pilot.forget(robots)
        self._draw_habits(robots, uniforms(mix(seeds ^ _HABIT_STREAM), 32))

    def act(self, observation: Observation, robots: NDArray[np.int64]) -> NDArray[np.float32]:
        """Moves (k, 2), metres, for the rows of the observation, which belong to `robots`, (k,)."""
        scene = self._scene(observation, robots)
        positions = scene.poses[..., :2]
        self._look(scene, robots)
        reached = self._goals.reached(robots, positions)
        first = reached & (self.arrived[robots] < 0)
        self.arrived[robots[first]] = self.tick[robots[first]]
        moves = self._moves(scene, robots)
        moves = self._settled(moves, scene, robots) + self._shaking(robots)
        moves = np.clip(moves, -MAX_MOVE, MAX_MOVE)
        self.tick[robots] += 1
        if self._delay:
            sent = np.concatenate([self._sent[robots], moves[:, None]], axis=1)
            self._sent[robots] = sent[:, 1:]
        return moves.astype(np.float32)

    def notes(self, robot: int) -> dict[str, str | float]:
        """Of this robot's episode: the style, and the quality in [0, 1], which compares its length
        with what an expert would need; 0 where the goal was not reached.
        """
        return {"style": self._style(robot), "quality": self._quality(robot)}

    def _style(self, robot: int) -> str:
        return "oracle"

    def _quality(self, robot: int) -> float:
        arrived = int(self.arrived[robot])
        return 0.0 if arrived < 0 else min(1.0, float(self._ideal[robot]) / max(arrived, 1))

    def _draw_habits(self, robots: NDArray[np.int64], drawn: Points) -> None:
        """From (k, 32) numbers in [0, 1): how these robots go about it."""
        self._speed[robots] = MAX_MOVE * (0.45 + 0.37 * drawn[:, 0])
        self._aside[robots] = 0.003 * (2.0 * drawn[:, 1] - 1.0)

    def _moves(self, scene: Scene, robots: NDArray[np.int64]) -> Points:
        """(k, 2) metres, before noise."""
        return self._pilot.moves(scene, self._aim(scene, robots), robots)

    def _aim(self, scene: Scene, robots: NDArray[np.int64]) -> Aim:
        """What was asked for."""
        goals = self._goals
        family = goals.family[robots]
        return Aim(
            subject=goals.subject[robots],
            reference=goals.reference[robots],
            ignored=family == Family.BLOCK_TO_BLOCK,
            target=goals.target(robots, scene.poses[..., :2]),
            apart=family == Family.SEPARATE,
            speed=self._speed[robots],
            veer=np.zeros(len(robots)),
            aside=self._aside[robots],
        )

    def _scene(self, observation: Observation, robots: NDArray[np.int64]) -> Scene:
        """The true state."""
        truth = np.asarray(observation[TRUTH], dtype=np.float64)
        count = len(self._things)
        pusher = np.asarray(observation[STATE], dtype=np.float64)
        poses = truth[:, : 3 * count].reshape(-1, count, 3)
        return Scene(pusher, poses, self._sent[robots].sum(axis=1))

    def _look(self, scene: Scene, robots: NDArray[np.int64]) -> None:
        """At an episode's first sight of the table: where things stand, how far there is to go."""
        fresh = np.flatnonzero(self.tick[robots] == 0)
        if not len(fresh):
            return
        for row in fresh.tolist():
            goal = self._asked[robots[row]]
            assert goal is not None, "begin() comes before act()"
            self._goals.assign(int(robots[row]), goal, scene.poses[row, :, :2])
        first, goals = robots[fresh], self._goals
        positions = scene.poses[fresh, :, :2]
        subject = positions[np.arange(len(fresh)), goals.subject[first]]
        away = subject - goals.target(first, positions)
        apart = goals.family[first] == Family.SEPARATE
        far = np.abs(length(away) - goals.radius[first])
        behind = subject + np.where(apart[:, None], -1.0, 1.0) * 0.04 * away / np.maximum(
            length(away), 1e-9
        ).reshape(-1, 1)
        approach = np.maximum(length(scene.pusher[fresh] - behind) - PUSHER_RADIUS, 0.0)
        self._ideal[first] = _OWN_TICKS[0] + _OWN_TICKS[1] * (far + approach) / MAX_MOVE
        self._hurry(first)

    def _hurry(self, robots: NDArray[np.int64]) -> None:
        """Who has far to go does not dawdle: it means to arrive in half the time there is."""
        needed = _USUAL_SPEED * self._ideal[robots] / (0.5 * self._horizon)
        self._speed[robots] = np.maximum(self._speed[robots], np.minimum(needed, MAX_MOVE))

    def _settled(self, moves: Points, scene: Scene, robots: NDArray[np.int64]) -> Points:
        """After arrival: a little farther in, so that nobody learns to stop short, then rest."""
        goals = self._goals
        arrived = self.arrived[robots]
        if not (arrived >= 0).any():
            return moves
        positions = scene.poses[..., :2]
        subject = positions[np.arange(len(robots)), goals.subject[robots]]
        far = length(subject - goals.target(robots, positions)) / goals.radius[robots]
        deep = np.where(goals.family[robots] == Family.SEPARATE, far > 1.12, far < 0.85)
        rests = deep | ~self._pilot.pushing[robots] | (self.tick[robots] > arrived + 2)
        calmed = np.where(rests[:, None], 0.0, 0.5 * moves)
        return np.where((arrived >= 0)[:, None], calmed, moves)

    def _shaking(self, robots: NDArray[np.int64]) -> Points:
        """The next noise (k, 2): a function of seed and tick, so that fleets of any size agree."""
        stream = mix(self._seed[robots] ^ _NOISE_STREAM) + self.tick[robots].astype(np.uint64)
        # The sum of three uniform numbers has variance 1/4: near enough to a bell.
        bell = 2.0 * (uniforms(stream, 6).reshape(-1, 2, 3).sum(axis=2) - 1.5)
        fresh = np.sqrt(1.0 - MEMORY**2) * bell
        self._noise[robots] = MEMORY * self._noise[robots] + fresh
        calm = np.where(self.arrived[robots] >= 0, 0.35, 1.0) * self._wobble[robots]
        return np.asarray(calm[:, None] * self._noise[robots])
