"""Where an arm's hand is, and which joints put it somewhere, in closed form.

Both arms are alike: a waist, two links in a vertical plane, and a wrist whose three axes meet in one
point. Everything is vectorised over leading axes (...). The hand's frame lies at the last joint: x out
of the hand, y along which the fingers open, z up.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

BASES: Array = np.array([[-0.469, 0.5, 0.0], [0.469, 0.5, 0.0]])
"""Feet of the left and the right arm, metres; the right one looks back along x."""

JOINT_LOW: Array = np.array([-3.14158, -1.85005, -1.76278, -3.14158, -1.8675, -3.14158])
JOINT_HIGH: Array = np.array([3.14158, 1.25664, 1.6057, 3.14158, 2.23402, 3.14158])
"""The motors' own bounds, radians."""

_SHOULDER_HEIGHT = 0.079 + 0.04805
_UPPER = np.array([0.05955, 0.3])
"""Shoulder to elbow, forward and up, metres."""

_FOREARM = 0.3
_HAND = 0.069744
"""Wrist to hand, metres."""

_STRAIGHT = 0.08

_UPPER_LENGTH = float(np.hypot(*_UPPER))
_UPPER_RISE = float(np.arctan2(_UPPER[1], _UPPER[0]))


def about_x(angle: Array) -> Array:
    """Rotations (..., 3, 3)."""
    return _turn(angle, 1, 2)


def about_y(angle: Array) -> Array:
    """Rotations (..., 3, 3); positive ones tip x downwards."""
    return _turn(angle, 2, 0)


def about_z(angle: Array) -> Array:
    """Rotations (..., 3, 3)."""
    return _turn(angle, 0, 1)


def hand_pose(joints: Array, arm: NDArray[np.int64]) -> tuple[Array, Array]:
    """Joints (..., 6) of arms (...) numbered 0 (left) and 1 -> rotations (..., 3, 3), places (..., 3)."""
    waist, shoulder, elbow, roll, bend, twist = np.moveaxis(joints, -1, 0)
    facing = about_z(waist + np.pi * arm)
    zero = np.zeros_like(waist)
    upper = about_y(shoulder) @ np.stack([zero + _UPPER[0], zero, zero + _UPPER[1]], -1)[..., None]
    forearm = about_y(shoulder + elbow)
    wrist = (upper + _FOREARM * forearm[..., :1])[..., 0] + [0.0, 0.0, _SHOULDER_HEIGHT]
    turned = facing @ forearm @ about_x(roll) @ about_y(bend) @ about_x(twist)
    place = (facing @ wrist[..., None])[..., 0] + BASES[arm] + _HAND * turned[..., 0]
    return turned, place


def joints_for(turned: Array, place: Array, arm: NDArray[np.int64]) -> Array:
    """The joints (..., 6) that bring hands to rotations (..., 3, 3) and places (..., 3), elbow up and the
    forearm rolled little; out of reach, as near as may be.
    """
    home = about_z(np.asarray(np.pi * arm))
    wrist = place - _HAND * turned[..., 0] - BASES[arm]
    x, y, z = np.moveaxis((np.swapaxes(home, -1, -2) @ wrist[..., None])[..., 0], -1, 0)
    waist, out, up = np.arctan2(y, x), np.hypot(x, y), z - _SHOULDER_HEIGHT
    far = np.clip(np.hypot(out, up), abs(_UPPER_LENGTH - _FOREARM) + 1e-6, None)
    far = np.minimum(far, _UPPER_LENGTH + _FOREARM - 1e-6)
    inside = (_UPPER_LENGTH**2 + _FOREARM**2 - far**2) / (2.0 * _UPPER_LENGTH * _FOREARM)
    raised = (_UPPER_LENGTH**2 + far**2 - _FOREARM**2) / (2.0 * _UPPER_LENGTH * far)
    elbow = np.pi - np.arccos(np.clip(inside, -1.0, 1.0)) - _UPPER_RISE
    shoulder = _UPPER_RISE - (np.arctan2(up, out) + np.arccos(np.clip(raised, -1.0, 1.0)))
    left = np.swapaxes(home @ about_z(waist) @ about_y(shoulder + elbow), -1, -2) @ turned
    wrist_joints = _wrist(left)
    joints = np.concatenate([np.stack([waist, shoulder, elbow], -1), wrist_joints], axis=-1)
    return np.asarray(np.clip(joints, JOINT_LOW, JOINT_HIGH))


def _wrist(turned: Array) -> Array:
    """Roll, bend and twist (..., 3) that make rotations (..., 3, 3): about x, y and x.

    A straight wrist could roll any way; near it the roll is held small and the hand points a little
    aside instead (by less than `_STRAIGHT` radians).
    """
    up, aside = turned[..., 2, 0], turned[..., 1, 0]
    square = up**2 + aside**2
    # Of the two ways, the one that rolls less than a quarter turn.
    sign = np.where(up > 0.0, -1.0, 1.0)
    roll = np.arctan2(sign * aside, -sign * up) * square / (square + _STRAIGHT**2)
    rest = np.swapaxes(about_x(roll), -1, -2) @ turned
    bend = np.arctan2(-rest[..., 2, 0], rest[..., 0, 0])
    rest = np.swapaxes(about_y(bend), -1, -2) @ rest
    return np.stack([roll, bend, np.arctan2(rest[..., 2, 1], rest[..., 1, 1])], axis=-1)


def rotation_vector(turned: Array) -> Array:
    """Rotations (..., 3, 3) of less than half a turn -> axis times angle (..., 3), radians."""
    skew = 0.5 * np.stack(
        [
            turned[..., 2, 1] - turned[..., 1, 2],
            turned[..., 0, 2] - turned[..., 2, 0],
            turned[..., 1, 0] - turned[..., 0, 1],
        ],
        -1,
    )
    sine = np.linalg.norm(skew, axis=-1)
    cosine = 0.5 * (np.trace(turned, axis1=-2, axis2=-1) - 1.0)
    angle = np.arctan2(sine, cosine)
    return np.asarray(skew * (angle / np.maximum(sine, 1e-9))[..., None])


def rotation(vector: Array) -> Array:
    """Axis times angle (..., 3) -> rotations (..., 3, 3) (Rodrigues' formula)."""
    angle = np.linalg.norm(vector, axis=-1)
    x, y, z = np.moveaxis(vector / np.maximum(angle, 1e-9)[..., None], -1, 0)
    zero = np.zeros_like(x)
    cross = np.stack(
        [np.stack([zero, -z, y], -1), np.stack([z, zero, -x], -1), np.stack([-y, x, zero], -1)], -2
    )
    sine, cosine = np.sin(angle)[..., None, None], np.cos(angle)[..., None, None]
    return np.asarray(np.eye(3) + sine * cross + (1.0 - cosine) * (cross @ cross))


def quaternion(turned: Array) -> Array:
    """Rotations (..., 3, 3) by less than pi -> unit quaternions (..., 4), real part first."""
    vector = rotation_vector(turned)
    angle = np.linalg.norm(vector, axis=-1, keepdims=True)
    share = np.sin(0.5 * angle) / np.maximum(angle, 1e-9)
    return np.concatenate([np.cos(0.5 * angle), share * vector], axis=-1)


def from_quaternion(quaternion: Array) -> Array:
    """Unit quaternions (..., 4), real part first -> rotations (..., 3, 3)."""
    vector = quaternion[..., 1:]
    sine = np.linalg.norm(vector, axis=-1)
    angle = 2.0 * np.arctan2(sine, quaternion[..., 0])
    return rotation(vector * (angle / np.maximum(sine, 1e-9))[..., None])


def _turn(angle: Array, first: int, second: int) -> Array:
    """Rotations that carry axis `first` towards axis `second`."""
    angle = np.asarray(angle)
    turned = np.zeros((*angle.shape, 3, 3))
    turned[..., range(3), range(3)] = 1.0
    turned[..., first, first] = turned[..., second, second] = np.cos(angle)
    turned[..., second, first] = np.sin(angle)
    turned[..., first, second] = -np.sin(angle)
    return turned
