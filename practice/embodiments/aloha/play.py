"""Posed scenes: hands, peg and socket anywhere they may come to be, with the truth about where they are.

Nothing moves and nothing is simulated. Each thing lies on the table or is held, each hand is at home, on its
way, over its thing or around it; what the two arms are at is drawn independently.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from practice.embodiments.aloha.kinematics import (
    Array,
    about_x,
    about_y,
    about_z,
    hand_pose,
    joints_for,
    quaternion,
)
from practice.embodiments.aloha.motors import joints_of, motor_commands
from practice.embodiments.aloha.pictures import Cameras
from practice.embodiments.aloha.presets import START, Preset
from practice.embodiments.aloha.senses import sensed
from practice.embodiments.interface import Scenes

_LYING = np.array([0.022, 0.010])
"""Height of the middle of a socket and a peg that lie on the table, metres."""

_WIDTH = np.array([0.66, 0.35])
"""How far open a gripper is that holds one."""

_GRIP = np.array([0.139, 0.151])
"""How far out of the hand it is then, metres."""

_HALF = np.array([0.06, 0.06])
"""Half their lengths, metres: where their ends are."""

_HELD = 0.55
"""Share of things that are held."""

_TOGETHER = 0.6
"""Share of pairs of held things that are brought near each other."""

_SIDE = np.array([-1.0, 1.0])
"""On which side of the table an arm works."""

_ARM = np.array([0, 1])


def scenes(preset: Preset, count: int, *, seed: int, texts: Sequence[str]) -> Scenes:
    """`count` pictures; the same seed gives the same ones."""
    rng = np.random.default_rng(seed)
    joints, turned, place = _poses(rng, count)
    # The truth has the peg first, which is the right arm's.
    things = np.concatenate([place, quaternion(turned)], axis=-1)[:, ::-1].reshape(count, 14)
    qpos = np.concatenate([motor_commands(joints), things], axis=1)
    cameras = Cameras(preset.pictures, preset.supersample)
    drawn = cameras.draw(qpos)
    cameras.close()
    return Scenes(
        observation=drawn | sensed(preset, joints_of(qpos)),
        before=drawn,
        landmarks=_landmarks(joints, turned, place),
        instructions=tuple(texts),
        instruction=rng.integers(len(texts), size=count),
        axes=3,
    )


def _poses(rng: np.random.Generator, count: int) -> tuple[Array, Array, Array]:
    """Joints (N, 14), rotations (N, 2, 3, 3) and places (N, 2, 3) of socket and peg."""
    held = rng.random((count, 2)) < _HELD
    turned, place = _lying(rng, count)
    grip_turned, grip = _around(rng, turned, place)
    # What is held is gripped as it lies and carried from there.
    inside = np.swapaxes(grip_turned, -1, -2)
    hold_turned, hold = inside @ turned, (inside @ (place - grip)[..., None])[..., 0]
    to_turned, to = _carried(rng, count)
    carried_turned = to_turned @ np.swapaxes(hold_turned, -1, -2)
    carried = to - (carried_turned @ hold[..., None])[..., 0]
    free_turned, free = _free(rng, grip_turned, grip)
    hand_turned = np.where(held[..., None, None], carried_turned, free_turned)
    hand = np.where(held[..., None], carried, free)
    joints = joints_for(hand_turned, hand, np.broadcast_to(_ARM, (count, 2)))
    home = ~held & (rng.random((count, 2)) < 0.1)
    joints = np.where(home[..., None], START + rng.normal(0.0, 0.05, joints.shape), joints)
    # A hand out of reach is where its joints say, and what it holds with it.
    hand_turned, hand = hand_pose(joints, np.broadcast_to(_ARM, (count, 2)))
    turned = np.where(held[..., None, None], hand_turned @ hold_turned, turned)
    place = np.where(held[..., None], hand + (hand_turned @ hold[..., None])[..., 0], place)
    width = np.where(
        held, _WIDTH + rng.normal(0.0, 0.02, held.shape), rng.uniform(0, 1, held.shape)
    )
    joints = np.concatenate([joints, width[..., None]], axis=-1).reshape(count, 14)
    return joints, turned, place


def _lying(rng: np.random.Generator, count: int) -> tuple[Array, Array]:
    """Rotations and places (N, 2, ...) of things on the table, most of them straight."""
    wide = rng.random((count, 2)) < 0.15
    yaw = rng.normal(0.0, 0.03, (count, 2)) + wide * rng.uniform(-0.7, 0.7, (count, 2))
    place = np.empty((count, 2, 3))
    place[..., 0] = _SIDE * rng.uniform(0.04, 0.23, (count, 2))
    place[..., 1] = rng.uniform(0.37, 0.63, (count, 2))
    # At the start of an episode things have yet to fall.
    place[..., 2] = np.where(rng.random((count, 2)) < 0.05, 0.05, _LYING)
    return about_z(yaw), place


def _around(rng: np.random.Generator, turned: Array, place: Array) -> tuple[Array, Array]:
    """Hands (N, 2, ...) that have a thing between their fingers, well or badly."""
    shape = place.shape[:2]
    yaw = np.arctan2(turned[..., 1, 0], turned[..., 0, 0]) + rng.normal(0.0, 0.04, shape)
    tilt = np.radians(rng.uniform(60.0, 84.0, shape))
    hand = about_z(yaw + np.pi * _ARM) @ about_y(tilt)
    off = rng.normal(0.0, (0.010, 0.001, 0.006), (*shape, 3))
    point = place + (turned @ off[..., None])[..., 0]
    return hand, point - _GRIP[:, None] * hand[..., 0]


def _carried(rng: np.random.Generator, count: int) -> tuple[Array, Array]:
    """Rotations and places (N, 2, ...) of things in the air; many pairs are near each other."""
    shape = (count, 2)
    angles = rng.normal(0.0, 0.08, (3, *shape))
    turned = about_z(angles[0]) @ about_y(angles[1]) @ about_x(angles[2])
    place = np.stack(
        [
            _SIDE * rng.uniform(0.03, 0.22, shape),
            rng.uniform(0.38, 0.62, shape),
            rng.uniform(0.02, 0.29, shape),
        ],
        axis=-1,
    )
    near = rng.random(count) < _TOGETHER
    socket = np.array([-0.075, 0.5, 0.25]) + rng.normal(0.0, 0.02, (count, 3))
    apart = rng.uniform(0.09, 0.19, count)
    beside = rng.normal(0.0, 0.012, (count, 2))
    peg = socket + np.concatenate([apart[:, None], beside], axis=1)
    place[near] = np.stack([socket, peg], axis=1)[near]
    return turned, place


def _free(rng: np.random.Generator, turned: Array, place: Array) -> tuple[Array, Array]:
    """Empty hands (N, 2, ...): over and around their things, or anywhere."""
    shape = place.shape[:2]
    near = rng.random(shape) < 0.6
    off = rng.normal(0.0, 0.015, (*shape, 3)) + rng.uniform(0, 0.1, (*shape, 1)) * (0.0, 0.0, 1.0)
    anywhere = np.stack(
        [
            _SIDE * rng.uniform(0.08, 0.32, shape),
            rng.uniform(0.40, 0.60, shape),
            rng.uniform(0.16, 0.42, shape),
        ],
        axis=-1,
    )
    tilt, yaw = rng.uniform(-0.1, 1.4, shape), rng.normal(0.0, 0.2, shape)
    loose = about_z(yaw + np.pi * _ARM) @ about_y(tilt)
    return (
        np.where(near[..., None, None], turned, loose),
        np.where(near[..., None], place + off, anywhere),
    )


def _landmarks(joints: Array, turned: Array, place: Array) -> NDArray[np.float32]:
    """(N, 3 P) metres: where both things are, both ends of each as its hand sees them, and where the peg
    is as the socket sees it.
    """
    arms = joints.reshape(-1, 2, 7)[..., :6]
    hand_turned, hand = hand_pose(arms, np.broadcast_to(_ARM, arms.shape[:2]))
    half = _HALF[:, None] * turned[..., 0]
    ends = np.stack([place - half, place + half], axis=-2) - hand[..., None, :]
    seen = ends @ hand_turned
    between = place[:, 1] - place[:, 0]
    mark = np.concatenate(
        [part.reshape(len(joints), -1) for part in (place, seen, between)], axis=1
    )
    return mark.astype(np.float32)
