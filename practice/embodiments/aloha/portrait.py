"""The scene as people like to see it: larger, from the front, all meshes and a shadow.

Drawn from a recorded row, only while somebody watches.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from practice.embodiments.aloha.motors import motor_commands
from practice.embodiments.aloha.pictures import Cameras
from practice.embodiments.aloha.presets import STATE, TRUTH, Picture, View
from practice.embodiments.aloha.scene import FRONT
from practice.embodiments.interface import Observation

_GRAIN = 0.003
"""Metres: finer than a pixel of the picture."""

_LARGEST = 480
"""Pixels; larger ones are enlarged from this."""


def render_scene(observation: Observation, *, size: int) -> NDArray[np.uint8]:
    """(size, size, 3) of one robot's observation: joints and true poses are all it needs."""
    cameras, side = _cameras(min(size, _LARGEST)), min(size, _LARGEST)
    joints = np.asarray(observation[STATE], dtype=np.float64)
    things = np.asarray(observation[TRUTH], dtype=np.float64)[:14]
    qpos = np.concatenate([motor_commands(joints), things])
    drawn: NDArray[np.uint8] = next(iter(cameras.draw(qpos[None]).values()))[0]
    if side == size:
        return drawn
    nearest = np.arange(size) * side // size
    return np.ascontiguousarray(drawn[nearest[:, None], nearest])


@lru_cache(maxsize=2)
def _cameras(side: int) -> Cameras:
    picture = Picture("portrait", side, side, (View(FRONT, 54.0),))
    return Cameras((picture,), 2 if side <= _LARGEST // 2 else 1, grain=_GRAIN, shadows=True)
