"""What people are shown of a robot: the embodiment's own picture where there is something to draw it from, else what its camera saw."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from practice.embodiments.interface import Embodiment
from practice.embodiments.spec import EmbodimentSpec, is_camera

_NOTHING = 64
"""Grey level of a picture of nothing."""


def drawn_from(spec: EmbodimentSpec) -> tuple[str, ...]:
    """The features that a robot is drawn from: where a simulator tells the truth, pictures are not needed."""
    truths = any(feature.privileged for feature in spec.observation.values())
    told = truths and not spec.drawn_by_camera
    return tuple(name for name in spec.observation if not (told and is_camera(name)))


def can_draw(spec: EmbodimentSpec, names: Collection[str]) -> bool:
    """Whether these features are enough for the embodiment's own picture."""
    return all(name in names for name in drawn_from(spec))


def paint(robot: Embodiment, row: Mapping[str, NDArray[Any]], *, size: int) -> NDArray[np.uint8]:
    """One robot's observation as a picture (size, size, 3)."""
    if can_draw(robot.spec, row.keys()):
        return np.ascontiguousarray(robot.render(dict(row), size=size))
    cameras = [values for name, values in row.items() if is_camera(name)]
    return enlarged(cameras[0], size) if cameras else np.full((size, size, 3), _NOTHING, np.uint8)


def enlarged(picture: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """A picture (H, W, 3) fitted into (size, size, 3), pixels as squares, on a dark ground."""
    height, width = picture.shape[:2]
    scale = size / max(height, width)
    rows = np.minimum((np.arange(round(height * scale)) / scale).astype(int), height - 1)
    columns = np.minimum((np.arange(round(width * scale)) / scale).astype(int), width - 1)
    fitted = picture[rows[:, None], columns[None, :]]
    canvas = np.zeros((size, size, 3), np.uint8)
    top, left = (size - len(rows)) // 2, (size - len(columns)) // 2
    canvas[top : top + len(rows), left : left + len(columns)] = fitted
    return canvas
