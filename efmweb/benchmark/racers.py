"""Three ways to run the same robots with the same policy, for the fleet benchmark.

Each is started once and then runs for a few seconds at a time, so that all meet the same weather.
"""

from __future__ import annotations

import time
from functools import partial
from typing import Any, Protocol

import gymnasium
import numpy as np
import torch
from numpy.typing import NDArray

from models_store.checkpoint import EFMCheckpoint
from models_store.compact_spec import CompactSpec
from models_store.efm import EFM
from models_store.instructions import Instructions
from models_store.normalisation import Moments, Normalisation
from practice.embodiments.gym_env import env_id
from practice.embodiments.interface import Embodiment, Observation
from practice.embodiments.spec import EmbodimentSpec
from practice.fleet.book import Rules
from practice.fleet.drivers import PolicyDriver
from practice.fleet.loop import Fleet
from practice.fleet.plan import FleetPlan, groups_for
from practice.fleet.senses import PREVIOUS


class Racer(Protocol):
    """Something that moves robots."""

    def run(self, seconds: float) -> float:
        """Robot steps per second over so many seconds."""
        ...

    def close(self) -> None:
        """End its processes."""
        ...


def new_policy(spec: EmbodimentSpec) -> EFM:
    """The compact image model, untrained: what it answers does not matter, what it costs does."""
    state = {
        name: feature.shape[0]
        for name, feature in spec.observation.items()
        if not feature.privileged and name not in spec.cameras
    }
    cameras = {name: spec.observation[name].shape for name in spec.cameras}
    model = CompactSpec(
        cameras={name: (height, width, depth) for name, (height, width, depth) in cameras.items()},
        observation=state,
        previous=spec.cameras,
        action_low=spec.action.low,
        action_high=spec.action.high,
    )
    policy = EFMCheckpoint.new(model, _plain(state, spec.action.shape[0]), seed=0).build()
    policy.set_precision("auto")
    return policy


class OurFleet:
    """The loop that practice and evaluation use."""

    def __init__(self, robot: Embodiment, model: EFM, robots: int, processes: int) -> None:
        """All robots start."""
        spec = robot.spec
        plan = FleetPlan(
            num_robots=robots,
            rules=Rules(spec.horizon, threshold=0.0, terminate_on="success"),
            seed=0,
            instructions=spec.instructions,
            previous=spec.cameras,
            collect=False,
            processes=processes,
            groups=groups_for(spec, robots),
        )
        self._fleet = Fleet(robot, plan, _driver(model))
        self._fleet.tick()

    def run(self, seconds: float) -> float:
        """Tick."""
        began, before = time.perf_counter(), self._fleet.env_steps
        while time.perf_counter() < began + seconds:
            self._fleet.tick()
        return (self._fleet.env_steps - before) / (time.perf_counter() - began)

    def close(self) -> None:
        """End its processes."""
        self._fleet.close()


class GymnasiumFleet:
    """Gymnasium's AsyncVectorEnv: a process per robot, shared memory, observations not copied."""

    def __init__(self, spec: EmbodimentSpec, model: EFM, robots: int) -> None:
        """All robots start."""
        make = partial(gymnasium.make, f"practice.embodiments.gym_env:{env_id(spec)}")
        self._env = gymnasium.vector.AsyncVectorEnv(
            [make] * robots, shared_memory=True, copy=False, context="spawn"
        )
        self._robots, self._policy = robots, _Policy(spec, model)
        self._seen, info = self._env.reset(seed=0)
        self._policy.follow(info["instruction"])

    def run(self, seconds: float) -> float:
        """Step."""
        began, steps = time.perf_counter(), 0
        while time.perf_counter() < began + seconds:
            action = self._policy.act(self._seen)
            self._seen, _, _, _, info = self._env.step(action)
            self._policy.follow(info["instruction"])
            steps += self._robots
        return steps / (time.perf_counter() - began)

    def close(self) -> None:
        """End its processes."""
        self._env.close()


class OneEnvironment:
    """One environment at a time, as most scripts do."""

    def __init__(self, spec: EmbodimentSpec, model: EFM) -> None:
        """The robot starts."""
        self._env: gymnasium.Env[Any, Any] = gymnasium.make(
            f"practice.embodiments.gym_env:{env_id(spec)}"
        )
        self._policy = _Policy(spec, model)
        self._seen: Observation = {}
        self._start(seed=0)

    def run(self, seconds: float) -> float:
        """Step."""
        began, steps = time.perf_counter(), 0
        while time.perf_counter() < began + seconds:
            action = self._policy.act(self._seen)[0]
            seen, _, over, cut, _ = self._env.step(action)
            self._seen = _batched(seen)
            if over or cut:
                self._start()
            steps += 1
        return steps / (time.perf_counter() - began)

    def close(self) -> None:
        """Let go of the simulator."""
        self._env.close()

    def _start(self, seed: int | None = None) -> None:
        seen, info = self._env.reset(seed=seed)
        self._seen = _batched(seen)
        self._policy.follow([info["instruction"]])


class _Policy:
    """The same policy for environments that keep neither instructions nor previous pictures."""

    def __init__(self, spec: EmbodimentSpec, model: EFM) -> None:
        self._driver, self._cameras = _driver(model), spec.cameras
        self._number = {text: i for i, text in enumerate(spec.instructions)}
        self._texts = spec.instructions
        self._index = np.zeros(0, dtype=np.int64)
        self._before: Observation = {}

    def follow(self, instructions: Any) -> None:
        """The text of every robot, from now on."""
        self._index = np.array([self._number[text] for text in instructions], dtype=np.int64)

    def act(self, seen: Observation) -> NDArray[np.float32]:
        """Actions (R, A). The next step overwrites `seen`, so its pictures are copied."""
        self._before = self._before or {name: seen[name].copy() for name in self._cameras}
        before = {name + PREVIOUS: self._before[name] for name in self._cameras}
        robots = np.arange(len(self._index))
        action = self._driver.act(seen | before, Instructions(self._texts, self._index), robots)
        for name in self._cameras:
            np.copyto(self._before[name], seen[name])
        return action


def _driver(model: EFM) -> PolicyDriver:
    return PolicyDriver(model, torch.Generator().manual_seed(0))


def _batched(seen: Observation) -> Observation:
    return {name: values[None] for name, values in seen.items()}


def _plain(state: dict[str, int], actions: int) -> Normalisation:
    """Nothing shifted, nothing scaled."""

    def unit(size: int) -> Moments:
        return Moments((0.0,) * size, (1.0,) * size)

    return Normalisation({name: unit(size) for name, size in state.items()}, unit(actions))
