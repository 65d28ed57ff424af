"""PointMass2D as a Gymnasium environment: the same dynamics, one robot, `efm/PointMass-v0`.

gymnasium.make("practice.embodiments.gym_env:efm/PointMass-v0")
"""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from practice.embodiments.point_mass import SPEC, STATE, PointMass

ENV_ID = "efm/PointMass-v0"
_ROBOT = np.zeros(1, dtype=np.int64)


class PointMassEnv(gymnasium.Env[NDArray[np.float32], NDArray[np.float32]]):
    """Observation (6,): position, velocity, goal. Action (2,): acceleration. Reward 1 at success.

    `info["is_success"]` stands in every step; an episode terminates at success, and
    `gymnasium.make` cuts it at the horizon.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": int(SPEC.control_hz)}
    task = SPEC.id
    task_description = SPEC.instructions[0]
    _max_episode_steps = SPEC.horizon

    def __init__(self, render_mode: str | None = None, size: int = 160) -> None:
        """`size` is the side of the rendered picture in pixels."""
        self.render_mode, self._size = render_mode, size
        self._embodiment = PointMass()
        self._fleet = self._embodiment.make_fleet(1)
        self._low, self._high = self._embodiment.action_limits({})
        self._observation = np.zeros(6, dtype=np.float32)
        self.observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (6,), np.float32)
        self.action_space = gymnasium.spaces.Box(self._low, self._high, (2,), np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """A start that follows from the seed; without one, from the environment's generator."""
        super().reset(seed=seed)
        episode = seed if seed is not None else int(self.np_random.integers(2**62))
        seeds = np.array([episode], dtype=np.uint64)
        self._observation = self._fleet.reset(_ROBOT, seeds)[STATE][0]
        return self._observation.copy(), {"is_success": False}

    def step(
        self, action: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """One control tick; accelerations past the robot's limits are cut."""
        limited = np.clip(np.asarray(action, dtype=np.float32), self._low, self._high)
        transition = self._fleet.step(limited[None])
        self._observation = transition.observation[STATE][0]
        assert transition.success is not None
        success = bool(transition.success[0])
        return self._observation.copy(), float(success), success, False, {"is_success": success}

    def render(self) -> NDArray[np.uint8] | None:
        """The picture (size, size, 3) in mode rgb_array."""
        if self.render_mode != "rgb_array":
            return None
        return self._embodiment.render({STATE: self._observation}, size=self._size)


def register_environments() -> None:
    """Make `efm/PointMass-v0` known to Gymnasium; a second call does nothing."""
    if ENV_ID not in gymnasium.registry:
        gymnasium.register(
            ENV_ID,
            entry_point="practice.embodiments.gym_env:PointMassEnv",
            max_episode_steps=SPEC.horizon,
        )


# Gymnasium's own way to find an environment: `gymnasium.make("module:id")` imports the module first.
register_environments()
