"""Hands that travel: from where both hands should be going to five commands of all joints."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from practice.embodiments.aloha.kinematics import (
    Array,
    hand_pose,
    joints_for,
    rotation,
    rotation_vector,
)
from practice.embodiments.aloha.presets import CHUNK

_SPIN_PER_SPEED = 6.0
"""Radians a hand may turn while it travels a metre at full speed."""

_SWING_PER_SPEED = 4.0
"""The same for a joint of an arm that swings."""

_HABITUATION = 0.35
"""Share of a tick's error that is commanded in addition from the next tick on: motors give way to weight."""

_MOST_HELP = 0.12
"""Radians."""

ARMS: NDArray[np.int64] = np.array([0, 1])


class Hands:
    """Where the hands of R robots are meant to be; arrays (R, 2, ...), left first."""

    def __init__(self, num_robots: int) -> None:
        """`forget` robots before their first tick."""
        self.turned = np.tile(np.eye(3), (num_robots, 2, 1, 1))
        self.place = np.zeros((num_robots, 2, 3))
        self._joints = np.zeros((num_robots, 2, 6))
        self._help = np.zeros((num_robots, 2, 6))
        self._fresh = np.ones(num_robots, dtype=np.bool_)

    def forget(self, robots: NDArray[np.int64]) -> None:
        """New episodes begin."""
        self._fresh[robots], self._help[robots] = True, 0.0

    def look(self, robots: NDArray[np.int64], joints: Array) -> tuple[Array, Array]:
        """From joints (k, 2, 6): the hands' rotations (k, 2, 3, 3) and places (k, 2, 3)."""
        turned, place = hand_pose(joints, np.broadcast_to(ARMS, joints.shape[:2]))
        fresh = self._fresh[robots]
        new = robots[fresh]
        self.turned[new], self.place[new] = turned[fresh], place[fresh]
        self._joints[new] = joints[fresh]
        self._fresh[new] = False
        return turned, place

    def travel(
        self,
        robots: NDArray[np.int64],
        joints: Array,
        goal: tuple[Array, Array],
        pace: Array,
        shake: Array,
        *,
        swings: NDArray[np.bool_],
    ) -> Array:
        """Commands (k, 5, 2, 6) that lead from joints (k, 2, 6) towards rotations (k, 2, 3, 3) and places
        (k, 2, 3), at no more than `pace` (k, 2) metres per tick, each off by `shake` (k, 2, 3) metres.

        Hands go straight; those that swing, (k, 2), go as their joints do, so that a wrist that is straight
        on the way does not spin.
        """
        error = self._joints[robots] - joints
        help_ = np.clip(self._help[robots] + _HABITUATION * error, -_MOST_HELP, _MOST_HELP)
        turned, place = goal
        way = place - self.place[robots]
        turn = rotation_vector(turned @ np.swapaxes(self.turned[robots], -1, -2))
        share = _share(way, pace)
        turn_share = _share(turn, _SPIN_PER_SPEED * pace)
        parts = (np.arange(1, CHUNK + 1) / CHUNK)[:, None]
        steps = parts * share[:, None]
        turns = parts * turn_share[:, None]
        places = self.place[robots][:, None] + steps[..., None] * way[:, None]
        rotations = rotation(turns[..., None] * turn[:, None]) @ self.turned[robots][:, None]
        arm = np.broadcast_to(ARMS, places.shape[:-1])
        straight = joints_for(rotations, places + shake[:, None], arm)
        there = joints_for(turned, place + shake, np.broadcast_to(ARMS, place.shape[:-1]))
        swung = _swung(self._joints[robots], there, pace, parts)
        commands = np.where(swings[:, None, :, None], swung, straight)
        at_turned, at = hand_pose(swung[:, -1], arm[:, -1])
        self.turned[robots] = np.where(swings[..., None, None], at_turned, rotations[:, -1])
        self.place[robots] = np.where(swings[..., None], at, places[:, -1])
        self._joints[robots], self._help[robots] = commands[:, -1], help_
        return commands + help_[:, None]


def _share(way: Array, most: Array) -> Array:
    """How much of a way (..., 3) is gone when no more than `most` (...) may be."""
    return np.asarray(np.minimum(1.0, most / np.maximum(np.linalg.norm(way, axis=-1), 1e-9)))


def _swung(meant: Array, there: Array, pace: Array, parts: Array) -> Array:
    """Commands (k, 5, 2, 6) on the way from joints (k, 2, 6) to others, no joint faster than it may be."""
    swing = there - meant
    share = np.minimum(1.0, _SWING_PER_SPEED * pace / np.maximum(np.abs(swing).max(axis=-1), 1e-9))
    steps = (parts * share[:, None])[..., None]
    return np.asarray(meant[:, None] + steps * swing[:, None])
