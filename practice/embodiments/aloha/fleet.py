"""R pairs of arms in lock step in one process: one model, one after the other, one set of cameras."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from practice.embodiments.aloha.motors import ARM_JOINTS, FASTEST, joints_of, motor_commands
from practice.embodiments.aloha.pictures import Cameras
from practice.embodiments.aloha.presets import CHUNK, SUBSTEPS, TRUTH, Preset
from practice.embodiments.aloha.scene import ARMS, load_model, start_positions
from practice.embodiments.aloha.senses import sensed
from practice.embodiments.aloha.stages import INSERTED, Stages
from practice.embodiments.gl import choose_gl
from practice.embodiments.interface import Observation, Transition


class AlohaFleet:
    """The simulator. Its whole memory is arrays, one row per robot."""

    def __init__(self, preset: Preset, num_robots: int) -> None:
        """Reset every robot before the first step."""
        choose_gl()
        import mujoco  # noqa: PLC0415  (after the choice, and never in the web process)

        self.num_robots, self._preset, self._mujoco = num_robots, preset, mujoco
        self._model = load_model()
        self._data = mujoco.MjData(self._model)
        # With it what the solver starts from, so that going on is going on to the bit.
        self._kind = mujoco.mjtState.mjSTATE_INTEGRATION
        self._physics = np.zeros((num_robots, mujoco.mj_stateSize(self._model, self._kind)))
        self._stage = np.zeros(num_robots, dtype=np.int64)
        self._stages = Stages(self._model)

    def reset(
        self, robots: NDArray[np.int64], seeds: NDArray[np.uint64], instructions: Sequence[str]
    ) -> Observation:
        """Arms at home, peg and socket where the seeds say. All instructions mean the same."""
        qpos = start_positions(seeds)
        for robot, pose in zip(robots.tolist(), qpos, strict=True):
            self._mujoco.mj_resetData(self._model, self._data)
            self._data.qpos[:] = pose
            self._data.ctrl[:] = pose[:ARMS]
            self._save(robot)
        self._stage[robots] = 0
        return self._observe(robots, qpos)

    def step(self, action: NDArray[Any]) -> Transition:
        """Carry out (R, A): five commands of 14 joints, a fiftieth of a second each."""
        return self.step_rows(np.arange(self.num_robots), action)

    def step_rows(self, robots: NDArray[np.int64], action: NDArray[Any]) -> Transition:
        """Carry out (k, A) on these robots (k,)."""
        assert action.shape == (len(robots), 14 * self._preset.spoken), action.shape
        spoken = np.asarray(action, dtype=np.float64).reshape(len(robots), -1, 14)
        qpos = np.empty((len(robots), self._model.nq))
        for row, robot in enumerate(robots.tolist()):
            self._load(robot)
            stage = max(self._carry_out(command) for command in self._commands(spoken[row]))
            if self._has_burst():
                # MuJoCo would go on from its own start; here nothing has moved in this tick.
                self._load(robot)
            else:
                self._stage[robot] = stage
                self._save(robot)
            qpos[row] = self._data.qpos
        return Transition(self._observe(robots, qpos), self._stage[robots] == INSERTED)

    def state(self) -> dict[str, Any]:
        """All that is needed to go on exactly."""
        return {"physics": self._physics.copy(), "stage": self._stage.copy()}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Put every robot back as it was."""
        self._physics, self._stage = np.array(state["physics"]), np.array(state["stage"])

    @cached_property
    def _cameras(self) -> Cameras:
        """Made when the first picture is drawn, in the thread that draws it."""
        return Cameras(self._preset.pictures, self._preset.supersample)

    def _commands(self, spoken: NDArray[np.float64]) -> NDArray[np.float64]:
        """Motor targets (5, 16) of the robot that is loaded, from commands (5, 14) or a step (1, 14)."""
        if not self._preset.steps:
            return motor_commands(spoken)
        goal = spoken[0].copy()
        goal[ARM_JOINTS] += joints_of(self._data.qpos)[ARM_JOINTS]
        way = motor_commands(goal) - self._data.ctrl
        return np.asarray(self._data.ctrl + np.linspace(0.0, 1.0, CHUNK + 1)[1:, None] * way)

    def _carry_out(self, command: NDArray[np.float64]) -> int:
        """One fiftieth of a second towards these motor targets (16,); the stage at its end."""
        before = self._data.ctrl
        before += np.clip(command - before, -FASTEST, FASTEST)
        self._mujoco.mj_step(self._model, self._data, SUBSTEPS)
        return self._stages.of(self._data)

    def _has_burst(self) -> bool:
        """Whether the simulation failed since the last `_load`."""
        kinds = self._mujoco.mjtWarning
        failures = (kinds.mjWARN_BADQPOS, kinds.mjWARN_BADQVEL, kinds.mjWARN_BADQACC)
        return any(self._data.warning[kind].number for kind in failures)

    def _save(self, robot: int) -> None:
        self._mujoco.mj_getState(self._model, self._data, self._physics[robot], self._kind)

    def _load(self, robot: int) -> None:
        self._mujoco.mj_setState(self._model, self._data, self._physics[robot], self._kind)
        self._data.warning.number[:] = 0

    def _observe(self, robots: NDArray[np.int64], qpos: NDArray[np.float64]) -> Observation:
        """Fresh arrays, (k, ...) each."""
        truth = np.concatenate([qpos[:, ARMS:], self._stage[robots, None]], axis=1)
        return {
            **self._cameras.draw(qpos),
            **sensed(self._preset, joints_of(qpos)),
            TRUTH: truth.astype(np.float32),
        }
