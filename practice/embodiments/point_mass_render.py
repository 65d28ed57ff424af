"""The picture of one point mass: numpy only, antialiased, cheap enough for a wall of robots.

A still background is drawn once per size; each picture then blends three small patches over a
copy of it: the goal with its success radius, the path just travelled, the robot. Goal and robot
are the same shape every time, so their masks are made once per size and placed to the quarter of
a pixel.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.float32]

_VIEW = 1.14
"""Half-width of what is shown; the box is 1."""

_FIELD = (20, 27, 38)
_OUTSIDE = (13, 18, 27)
_GRID = (30, 40, 55)
_BORDER = (56, 71, 92)
_GOAL = np.array((70, 211, 168), dtype=np.float32)
_TRAIL = np.array((96, 165, 250), dtype=np.float32)
_ROBOT = np.array((248, 250, 252), dtype=np.float32)

_SUCCESS_RADIUS = 0.15
_ROBOT_RADIUS = 0.05
_TRAIL_TICKS = 2.2
"""How much of the recent path is drawn: where the robot was this many ticks ago, at its speed."""

_PLACES = 4
"""Sub-pixel places per pixel and axis."""


def render_point_mass(state: NDArray[Any], *, size: int) -> NDArray[np.uint8]:
    """Draw (x, y, vx, vy, goal x, goal y) as (size, size, 3); y points up."""
    picture = _background(size).copy()
    scale = size / (2.0 * _VIEW)
    x, y, vx, vy, goal_x, goal_y = state.tolist()
    # A robot that left the picture is kept visible at its edge.
    edge = _VIEW - _ROBOT_RADIUS
    x, y = min(max(x, -edge), edge), min(max(y, -edge), edge)
    robot = (x + _VIEW) * scale, (_VIEW - y) * scale
    back = 10.0 * _TRAIL_TICKS * scale
    tail = robot[0] - vx * back, robot[1] + vy * back
    _stamp(picture, _goal_mask, ((goal_x + _VIEW) * scale, (_VIEW - goal_y) * scale), _GOAL)
    _trail(picture, tail, robot, max(0.045 * scale, 1.2))
    _stamp(picture, _halo_mask, robot, _TRAIL)
    _stamp(picture, _robot_mask, robot, _ROBOT)
    return picture


@lru_cache(maxsize=8)
def _background(size: int) -> NDArray[np.uint8]:
    """The field with its grid and border, (size, size, 3); never written to."""
    centre = (np.arange(size) + 0.5) / size * 2.0 * _VIEW - _VIEW
    pixel = 2.0 * _VIEW / size
    far = np.maximum(np.abs(centre)[:, None], np.abs(centre)[None, :])
    inside = np.clip((1.0 - far) / pixel + 0.5, 0.0, 1.0)[..., None]
    lines = np.abs((centre + 0.25) % 0.5 - 0.25)
    grid = np.clip(1.0 - np.minimum(lines[:, None], lines[None, :]) / pixel, 0.0, 1.0)[..., None]
    # A breath of light from above keeps the field from looking flat.
    light = (1.0 - 0.10 * np.linspace(-1.0, 1.0, size))[:, None, None]
    picture = np.array(_FIELD) * light * inside + np.array(_OUTSIDE) * (1.0 - inside)
    picture += (np.array(_GRID) - picture) * grid * inside
    border = np.clip(1.0 - np.abs(far - 1.0) / (0.8 * pixel), 0.0, 1.0)[..., None]
    picture += (np.array(_BORDER) - picture) * border
    drawn: NDArray[np.uint8] = np.clip(picture, 0, 255).astype(np.uint8)
    drawn.setflags(write=False)
    return drawn


@lru_cache(maxsize=128)
def _goal_mask(size: int, right: int, down: int) -> Mask:
    """A ring at the success radius, faintly filled, with a small mark in the middle."""
    line, radius = size / 128.0, _SUCCESS_RADIUS * size / (2.0 * _VIEW)
    distance = _distances(radius + 2.0 + line, right, down)
    ring = np.clip(0.9 * line + 0.5 - np.abs(distance - radius), 0.0, 1.0)
    fill = 0.16 * np.clip(radius - distance + 0.5, 0.0, 1.0)
    mark = 0.8 * np.clip(1.1 * line + 0.5 - distance, 0.0, 1.0)
    return np.maximum(np.maximum(ring, fill), mark)[..., None].astype(np.float32)


@lru_cache(maxsize=128)
def _robot_mask(size: int, right: int, down: int) -> Mask:
    """A bright dot."""
    radius = _dot(size)
    distance = _distances(radius + 1.0, right, down)
    return np.clip(radius + 0.5 - distance, 0.0, 1.0)[..., None].astype(np.float32)


@lru_cache(maxsize=128)
def _halo_mask(size: int, right: int, down: int) -> Mask:
    """A soft glow, so that the robot stands out on the ring as well."""
    reach = 2.2 * _dot(size) + size / 128.0
    distance = _distances(reach, right, down)
    return (0.35 * np.clip(1.0 - distance / reach, 0.0, 1.0))[..., None].astype(np.float32)


def _dot(size: int) -> float:
    """Radius of the robot in pixels."""
    return max(_ROBOT_RADIUS * size / (2.0 * _VIEW), 2.2)


def _distances(reach: float, right: int, down: int) -> NDArray[np.float64]:
    """Pixel distances from a point `right` / _PLACES and `down` / _PLACES into the middle pixel."""
    half = int(np.ceil(reach)) + 1
    offset = np.arange(-half, half + 1) + 0.5
    dx, dy = offset - right / _PLACES, offset - down / _PLACES
    distance: NDArray[np.float64] = np.hypot(dx[None, :], dy[:, None])
    return distance


def _stamp(
    picture: NDArray[np.uint8], mask_of: Any, centre: tuple[float, float], colour: Mask
) -> None:
    """Blend a ready-made mask at a point; what lies outside the picture is cut."""
    size = picture.shape[0]
    column, right = divmod(round(centre[0] * _PLACES), _PLACES)
    row, down = divmod(round(centre[1] * _PLACES), _PLACES)
    mask: Mask = mask_of(size, right, down)
    half = mask.shape[0] // 2
    top, left = max(row - half, 0), max(column - half, 0)
    bottom, end = min(row + half + 1, size), min(column + half + 1, size)
    if top < bottom and left < end:
        shift_y, shift_x = half - row, half - column
        part = mask[top + shift_y : bottom + shift_y, left + shift_x : end + shift_x]
        _blend(picture[top:bottom, left:end], part, colour)


def _trail(
    picture: NDArray[np.uint8], tail: tuple[float, float], head: tuple[float, float], width: float
) -> None:
    """A stroke from tail to head that thins and fades backwards."""
    size = picture.shape[0]
    along_x, along_y = head[0] - tail[0], head[1] - tail[1]
    square = along_x**2 + along_y**2
    if square < 1.0:
        return
    reach = width + 1.0
    left = max(int(min(tail[0], head[0]) - reach), 0)
    right = min(int(max(tail[0], head[0]) + reach) + 1, size)
    top = max(int(min(tail[1], head[1]) - reach), 0)
    bottom = min(int(max(tail[1], head[1]) + reach) + 1, size)
    if left >= right or top >= bottom:
        return
    dx = np.arange(left, right, dtype=np.float32)[None, :] + np.float32(0.5 - tail[0])
    dy = np.arange(top, bottom, dtype=np.float32)[:, None] + np.float32(0.5 - tail[1])
    share = (dx * (along_x / square) + dy * (along_y / square)).clip(0.0, 1.0)
    off = np.abs(dx * along_y - dy * along_x) * np.float32(square**-0.5)
    stroke = share * (share * width + 0.5 - off).clip(0.0, 1.0)
    # Beyond the head the share stays 1; the robot's own dot covers the round end.
    beyond = (dx - along_x) * along_x + (dy - along_y) * along_y > 0
    stroke[beyond] = 0.0
    _blend(picture[top:bottom, left:right], stroke[..., None], _TRAIL)


def _blend(patch: NDArray[np.uint8], alpha: Mask, colour: Mask) -> None:
    """Mix a colour into the patch in place, (h, w, 3) with (h, w, 1)."""
    np.copyto(patch, patch + alpha * (colour - patch), casting="unsafe")
