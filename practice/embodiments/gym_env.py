"""Our embodiments as Gymnasium environments: the same dynamics, one robot.

gymnasium.make("practice.embodiments.gym_env:efm/LanguageTable-v0")

`efm/PointMass-v0` speaks in one flat vector; all others in dicts by feature name.
"""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from practice.embodiments.interface import Observation
from practice.embodiments.point_mass import SPEC, STATE, PointMass
from practice.embodiments.registry import embodiment, embodiments
from practice.embodiments.spec import EmbodimentSpec, FeatureSpec

POINT_MASS_ID = "efm/PointMass-v0"
_ROBOT = np.zeros(1, dtype=np.int64)
_Step = tuple[Any, float, bool, bool, dict[str, Any]]


class EmbodimentEnv(gymnasium.Env[dict[str, NDArray[Any]], NDArray[np.float32]]):
    """One robot of any embodiment. Observations hold what the robot's sensors give, by name; reward
    1 at success.

    `info` says `is_success` and the `instruction` in every step; an episode terminates at success,
    and `gymnasium.make` cuts it at the horizon. `reset(options={"instruction": text})` sets the
    goal; otherwise the seed picks one of the embodiment's own instructions.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 10}

    def __init__(self, embodiment_id: str, render_mode: str | None = None, size: int = 240) -> None:
        """`size` is the side of the rendered picture in pixels."""
        self.render_mode, self._size = render_mode, size
        self._embodiment = embodiment(embodiment_id)
        spec = self._embodiment.spec
        self.metadata = {**self.metadata, "render_fps": spec.control_hz}
        self.task, self.task_description = spec.id, spec.instructions[0]
        self._fleet = self._embodiment.make_fleet(1)
        self._low, self._high = self._embodiment.action_limits({})
        self._seen: Observation = {}
        """The last observation, with what only the simulator knows."""

        self._sensors: dict[str, gymnasium.Space[Any]] = {
            n: _space(f) for n, f in spec.observation.items() if not f.privileged
        }
        self.observation_space: gymnasium.Space[Any] = gymnasium.spaces.Dict(self._sensors)
        self.action_space = gymnasium.spaces.Box(self._low, self._high, dtype=np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """A start that follows from the seed; without one, from the environment's generator.

        Raises:
            LearningError: the embodiment does not understand the instruction.
        """
        super().reset(seed=seed)
        episode = seed if seed is not None else int(self.np_random.integers(2**62))
        texts = self._embodiment.spec.instructions
        self.task_description = (options or {}).get("instruction", texts[episode % len(texts)])
        seeds = np.array([episode], dtype=np.uint64)
        observation = self._fleet.reset(_ROBOT, seeds, [self.task_description])
        return self._sensed(observation), self._info(False)

    def step(self, action: NDArray[np.float32]) -> _Step:
        """One control tick; actions past the robot's limits are cut."""
        limited = np.clip(np.asarray(action, dtype=np.float32), self._low, self._high)
        transition = self._fleet.step(limited[None])
        success = transition.success is not None and bool(transition.success[0])
        observation = self._sensed(transition.observation)
        return observation, float(success), success, False, self._info(success)

    def render(self) -> NDArray[np.uint8] | None:
        """The picture for people (size, size, 3) in mode rgb_array."""
        if self.render_mode != "rgb_array":
            return None
        return self._embodiment.render(self._seen, size=self._size)

    def _sensed(self, observation: Observation) -> dict[str, NDArray[Any]]:
        self._seen = {name: rows[0] for name, rows in observation.items()}
        return {name: self._seen[name] for name in self._sensors}

    def _info(self, success: bool) -> dict[str, Any]:
        return {"is_success": success, "instruction": self.task_description}


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
        self._observation = self._fleet.reset(_ROBOT, seeds, SPEC.instructions[:1])[STATE][0]
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


def env_id(spec: EmbodimentSpec) -> str:
    """Gymnasium's name of an embodiment: "language-table-4" is `efm/LanguageTable4-v0`."""
    return f"efm/{''.join(word.capitalize() for word in spec.id.split('-'))}-v0"


def register_environments() -> None:
    """Make all embodiments known to Gymnasium; a second call does nothing."""
    here = "practice.embodiments.gym_env"
    for spec in embodiments():
        name = env_id(spec)
        if name in gymnasium.registry:
            continue
        if name == POINT_MASS_ID:
            entry, options = f"{here}:PointMassEnv", {}
        else:
            entry, options = f"{here}:EmbodimentEnv", {"embodiment_id": spec.id}
        gymnasium.register(name, entry_point=entry, kwargs=options, max_episode_steps=spec.horizon)


def _space(feature: FeatureSpec) -> gymnasium.spaces.Box:
    if feature.dtype == "uint8":
        return gymnasium.spaces.Box(0, 255, feature.shape, np.uint8)
    return gymnasium.spaces.Box(-np.inf, np.inf, feature.shape, np.dtype(feature.dtype).type)


# Gymnasium's own way to find an environment: `gymnasium.make("module:id")` imports the module first.
register_environments()
