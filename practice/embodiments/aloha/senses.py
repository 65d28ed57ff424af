"""What the robot knows of itself without looking."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from practice.embodiments.aloha.kinematics import hand_pose
from practice.embodiments.aloha.presets import HANDS, STATE, Preset
from practice.embodiments.interface import Observation


def sensed(preset: Preset, joints: NDArray[np.float64]) -> Observation:
    """The features that follow from joints (k, 14), (k, ...) each."""
    state = {STATE: joints.astype(np.float32)}
    return state | {HANDS: _hands(joints)} if preset.hands else state


def _hands(joints: NDArray[np.float64]) -> NDArray[np.float32]:
    """(k, 18): both hands' places, where they point, and along what their fingers open."""
    arms = joints.reshape(-1, 2, 7)[..., :6]
    turned, place = hand_pose(arms, np.broadcast_to(np.array([0, 1]), arms.shape[:2]))
    parts = (place, turned[..., 0], turned[..., 1])
    return np.concatenate([part.reshape(-1, 6) for part in parts], axis=1).astype(np.float32)
