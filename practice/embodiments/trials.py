"""Short runs of an embodiment, and what two of them have in common: the tools of `checks.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models_store.errors import LearningError
from practice.embodiments.interface import Demonstrator, Embodiment, FleetSim, Observation
from practice.embodiments.spec import EmbodimentSpec, FeatureSpec, is_camera

_STORED = "biuf"
"""Kinds of arrays that a run's state file can hold."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a fleet met in a run."""

    observations: Sequence[Observation]
    """What each tick led to, (R, ...); of a whole run also its start, which comes first."""

    success: Sequence[NDArray[np.bool_] | None]
    """One less where the start is among the observations."""

    def robot(self, number: int) -> Seen:
        """One robot's part."""
        rows = slice(number, number + 1)
        return Seen(
            [{name: values[rows] for name, values in seen.items()} for seen in self.observations],
            [None if told is None else told[rows] for told in self.success],
        )


def start(robot: Embodiment, fleet: FleetSim, *, first_seed: int = 0) -> Observation:
    """Reset everybody to seeds that count up and the first instruction; (R, ...)."""
    count = fleet.num_robots
    seeds = np.arange(first_seed, first_seed + count, dtype=np.uint64)
    return fleet.reset(np.arange(count), seeds, [robot.spec.instructions[0]] * count)


def random_actions(robot: Embodiment, ticks: int, robots: int) -> list[NDArray[np.float32]]:
    """For each tick (R, A) within the limits; a robot's do not depend on how many there are."""
    low, high = robot.action_limits({})
    drawn = [
        np.random.default_rng(number).uniform(low, high, (ticks, *low.shape))
        for number in range(robots)
    ]
    return list(np.stack(drawn, axis=1).astype(np.float32))


def rollout(robot: Embodiment, fleet: FleetSim, actions: Sequence[NDArray[np.float32]]) -> Seen:
    """Reset and move."""
    started = start(robot, fleet)
    moved = onwards(fleet, actions)
    return Seen([started, *moved.observations], moved.success)


def onwards(fleet: FleetSim, actions: Sequence[NDArray[np.float32]]) -> Seen:
    """Move from where the robots are."""
    met = [fleet.step(action) for action in actions]
    return Seen([transition.observation for transition in met], [told.success for told in met])


def difference(left: Observation, right: Observation) -> str:
    """The first feature whose bits differ, "" where none does."""
    return next((name for name in left if left[name].tobytes() != right[name].tobytes()), "")


def must_be_same(left: Seen, right: Seen, what_to_do: str) -> None:
    """Raises LearningError with this text, its {step} and {name} filled in, where two runs differ."""
    for step, pair in enumerate(zip(left.observations, right.observations, strict=True)):
        if name := difference(*pair):
            raise LearningError(what_to_do.format(step=step, name=name))
    for step, (told, again) in enumerate(zip(left.success, right.success, strict=True)):
        if _bits(told) != _bits(again):
            raise LearningError(what_to_do.format(step=step, name="success"))


def _bits(told: NDArray[np.bool_] | None) -> bytes:
    return b"" if told is None else told.tobytes()


def must_be_declared(name: str, feature: FeatureSpec) -> None:
    """Raises LearningError where a feature's facts do not agree."""
    if is_camera(name):
        good = len(feature.shape) == 3 and feature.shape[2] == 3 and feature.dtype == "uint8"
        rule = "(height, width, 3) of uint8"
    else:
        good = len(feature.shape) == 1 and len(feature.names) == feature.shape[0]
        rule = "a vector with one name per value"
    if not good:
        raise LearningError(
            f"{name} is {feature.shape} of {feature.dtype} with {len(feature.names)} names; it must "
            f"be {rule}."
        )


def must_fit(seen: Observation, spec: EmbodimentSpec, robots: int) -> None:
    """Raises LearningError where observations (R, ...) are not what the spec says."""
    if set(seen) != set(spec.observation):
        raise LearningError(
            f"The simulator observes {', '.join(sorted(seen))}; the spec says "
            f"{', '.join(sorted(spec.observation))}."
        )
    for name, feature in spec.observation.items():
        array, wanted = seen[name], (robots, *feature.shape)
        if array.shape != wanted or array.dtype != np.dtype(feature.dtype):
            raise LearningError(
                f"{name} is {array.shape} of {array.dtype}; the spec says {wanted} of "
                f"{feature.dtype}."
            )
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise LearningError(
                f"{name} holds numbers that are not finite: no model can learn from them."
            )


def must_be_storable(state: Mapping[str, Any], robots: int) -> None:
    """Raises LearningError where a state cannot be divided among processes or written to a file."""
    for name, part in state.items():
        if isinstance(part, Mapping):
            must_be_storable(part, robots)
            continue
        array = np.asarray(part)
        if array.shape[:1] != (robots,) or array.dtype.kind not in _STORED:
            raise LearningError(
                f"state()[{name!r}] is {array.shape} of {array.dtype}; it must be numbers with one "
                f"row per robot, so that fleets can be divided among processes and stored."
            )


def demonstrate(robot: Embodiment, expert: Demonstrator, robots: int) -> int:
    """How many of so many robots the expert leads to the goal, each within one horizon."""
    fleet, texts = robot.make_fleet(robots), robot.spec.instructions
    everybody, seeds = np.arange(robots), np.arange(robots, dtype=np.uint64)
    told = [texts[number * len(texts) // robots] for number in range(robots)]
    low, high = robot.action_limits({})
    expert.begin(everybody, seeds, told)
    seen = fleet.reset(everybody, seeds, told)
    waiting = everybody
    for _ in range(robot.spec.horizon):
        transition = fleet.step_rows(waiting, np.clip(expert.act(seen, waiting), low, high))
        assert transition.success is not None
        still = ~transition.success
        waiting = waiting[still]
        seen = {name: rows[still] for name, rows in transition.observation.items()}
        if not len(waiting):
            break
    return robots - len(waiting)
