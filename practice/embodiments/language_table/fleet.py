"""R tables in lock step in one process: one model, one batched call for the physics, one camera."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from practice.embodiments.gl import choose_gl
from practice.embodiments.interface import Observation, Transition
from practice.embodiments.language_table.goals import Goals
from practice.embodiments.language_table.pictures import Camera, visual
from practice.embodiments.language_table.presets import CAMERA, STATE, TRUTH, Table
from practice.embodiments.language_table.scene import SUBSTEP, mjcf, plain_stage
from practice.embodiments.language_table.starts import draw_start
from practice.embodiments.language_table.things import PUSHER_REACH
from practice.embodiments.language_table.words import read_goal
from practice.embodiments.seeds import mix, uniforms


class LanguageTableFleet:
    """The simulator. Its whole memory is arrays, one row per robot."""

    def __init__(self, table: Table, num_robots: int) -> None:
        """Reset every robot before the first step."""
        choose_gl()
        import mujoco  # noqa: PLC0415  (after the choice, and never in the web process)
        from mujoco import rollout  # noqa: PLC0415

        self.num_robots, self._table = num_robots, table
        rows, columns = table.supersample * table.height, table.supersample * table.width
        stage = plain_stage(table.look, visual(rows, columns))
        text = mjcf(table.things, table.look, table.physics, stage)
        self._model = mujoco.MjModel.from_xml_string(text)
        self._data, self._roll = mujoco.MjData(self._model), rollout.rollout
        self._substeps = round(1.0 / (table.control_hz * SUBSTEP))
        size = mujoco.mj_stateSize(self._model, mujoco.mjtState.mjSTATE_FULLPHYSICS)
        self._nq = self._model.nq
        self._physics = np.zeros((num_robots, size))
        """(R, 1 + nq + nv): time, joint positions, joint velocities."""

        self._seed = np.zeros(num_robots, dtype=np.uint64)
        self._tick = np.zeros(num_robots, dtype=np.uint64)
        self._waiting = np.zeros((num_robots, table.physics.delay, 2))
        """Commands on their way to the motors, oldest first."""

        self._goals = Goals([thing.name for thing in table.things], num_robots)

    def reset(
        self, robots: NDArray[np.int64], seeds: NDArray[np.uint64], instructions: Sequence[str]
    ) -> Observation:
        """Things and pusher at rest, drawn from seed and goal. Other robots are not touched."""
        things = self._table.things
        self._physics[robots] = 0.0
        for robot, seed, text in zip(robots.tolist(), seeds.tolist(), instructions, strict=True):
            goal = read_goal(text, things)
            start = draw_start(things, goal, seed)
            qpos = self._physics[robot, 1 : 1 + self._nq]
            qpos[:2], qpos[2:] = start.pusher, start.poses.ravel()
            self._goals.assign(robot, goal, start.poses[:, :2])
        self._seed[robots], self._tick[robots] = seeds, 0
        self._waiting[robots] = 0.0
        return self._observe(robots)

    def step(self, action: NDArray[Any]) -> Transition:
        """Move the pushers by (R, 2) metres, cut to where they reach, at an even speed."""
        return self.step_rows(np.arange(self.num_robots), action)

    def step_rows(self, robots: NDArray[np.int64], action: NDArray[Any]) -> Transition:
        """Move the pushers of these robots (k,) by (k, 2)."""
        assert action.shape == (len(robots), 2), action.shape
        move = self._carried_out(robots, np.asarray(action, dtype=np.float64))
        before = self._physics[robots]
        at = before[:, 1:3]
        target = np.clip(at + move, -PUSHER_REACH, PUSHER_REACH)
        speed = (target - at) / (self._substeps * SUBSTEP)
        states, _ = self._roll(
            self._model,
            self._data,
            initial_state=before,
            control=speed[:, None],
            nstep=self._substeps,
        )
        self._physics[robots] = states[:, -1]
        self._tick[robots] += np.uint64(1)
        reached = self._goals.reached(robots, self._poses(robots)[..., :2])
        return Transition(self._observe(robots), reached)

    def state(self) -> dict[str, Any]:
        """All that is needed to go on exactly."""
        return {
            "physics": self._physics.copy(),
            "seed": self._seed.copy(),
            "tick": self._tick.copy(),
            "waiting": self._waiting.copy(),
            "goals": self._goals.state(),
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Put every table back as it was."""
        self._physics = np.array(state["physics"])
        self._seed, self._tick = np.array(state["seed"]), np.array(state["tick"])
        self._waiting = np.array(state["waiting"])
        self._goals.load_state(state["goals"])

    @cached_property
    def _camera(self) -> Camera:
        """Made when the first picture is drawn, in the thread that draws it."""
        table = self._table
        return Camera(self._model, table.height, table.width, table.supersample)

    def _poses(self, robots: NDArray[np.int64]) -> NDArray[np.float64]:
        """(k, n, 3): x, y, yaw of every thing."""
        return self._physics[robots, 3 : 1 + self._nq].reshape(len(robots), -1, 3)

    def _carried_out(
        self, robots: NDArray[np.int64], action: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """What the motors make of commands (k, 2): later, and not quite as told."""
        physics = self._table.physics
        if physics.delay:
            queue = np.concatenate([self._waiting[robots], action[:, None]], axis=1)
            action, self._waiting[robots] = queue[:, 0], queue[:, 1:]
        if physics.noise:
            # The noise of a tick follows from the episode's seed, so an episode can be run again.
            drawn = uniforms(mix(self._seed[robots]) + self._tick[robots], 6).reshape(-1, 2, 3)
            # The sum of three uniform numbers has variance 1/4: near enough to a bell.
            action = action + 2.0 * physics.noise * (drawn.sum(axis=2) - 1.5)
        return action

    def _observe(self, robots: NDArray[np.int64]) -> Observation:
        """Fresh arrays, (k, ...) each."""
        table, qpos = self._table, self._physics[robots, 1 : 1 + self._nq]
        pictures = np.empty((len(robots), table.height, table.width, 3), dtype=np.uint8)
        self._camera.draw(qpos, pictures)
        drawing = self._goals.drawing(robots, self._poses(robots)[..., :2])
        truth = np.concatenate([qpos[:, 2:], qpos[:, :2], drawing], axis=1)
        return {
            CAMERA: pictures,
            STATE: qpos[:, :2].astype(np.float32),
            TRUTH: truth.astype(np.float32),
        }
