"""What the demonstrator sees: hands and things, from a row of the simulator's truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from practice.embodiments.aloha.hands import Hands
from practice.embodiments.aloha.kinematics import Array, from_quaternion
from practice.embodiments.aloha.presets import STATE, TRUTH
from practice.embodiments.aloha.stages import INSERTED
from practice.embodiments.interface import Observation

_THING = np.array([1, 0])
"""What each arm takes: things are peg, socket in the truth."""


@dataclass(frozen=True)
class Sight:
    """What rows of an observation say, (k, 2, ...) per arm; the thing is the arm's own."""

    joints: Array
    gripper: Array
    hand_turned: Array
    hand: Array
    thing_turned: Array
    thing: Array
    inserted: NDArray[np.bool_]
    """(k,)"""

    def carried_to(self, turned: Array, place: Array) -> tuple[Array, Array]:
        """Where the hands must be for their things to be there."""
        hold = turned @ np.swapaxes(self.thing_turned, -1, -2)
        return hold @ self.hand_turned, place + apply(hold, self.hand - self.thing)


def look(observation: Observation, robots: NDArray[np.int64], hands: Hands) -> Sight:
    """Rows of an observation, which belong to `robots`, (k,)."""
    sensed = np.asarray(observation[STATE], dtype=np.float64).reshape(-1, 2, 7)
    truth = np.asarray(observation[TRUTH], dtype=np.float64)
    things = truth[:, :14].reshape(-1, 2, 7)[:, _THING]
    turned, place = hands.look(robots, sensed[..., :6])
    return Sight(
        joints=sensed[..., :6],
        gripper=sensed[..., 6],
        hand_turned=turned,
        hand=place,
        thing_turned=from_quaternion(things[..., 3:]),
        thing=things[..., :3],
        inserted=truth[:, 14] == INSERTED,
    )


def misfit(scene: Sight) -> tuple[Array, Array, Array]:
    """How far the peg is from the socket along its axis (k,), beside it (k, 2), and how bent (k,), radians."""
    inverse = np.swapaxes(scene.thing_turned[:, 0], -1, -2)
    beside = apply(inverse, scene.thing[:, 1] - scene.thing[:, 0])
    cosine = np.abs((scene.thing_turned[:, 0, :, 0] * scene.thing_turned[:, 1, :, 0]).sum(-1))
    return beside[:, 0], beside[:, 1:], np.arccos(np.clip(cosine, -1.0, 1.0))


def apply(turned: Array, vector: Array) -> Array:
    """Rotations (..., 3, 3) of vectors (..., 3)."""
    return np.asarray((turned @ vector[..., None])[..., 0])
