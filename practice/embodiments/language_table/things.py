"""What lies on the table: shapes, colours, sizes. Numbers alone, no simulator.

Lengths are metres, x points right and y away from the viewer; the origin is the table's middle.
Every shape is symmetric about its own y axis, so that the mirrored table holds the same shapes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

TABLE = (0.40, 0.30)
"""Width (x) and depth (y)."""

HALF = np.array(TABLE) / 2.0
BLOCK_REACH = HALF - 0.025
"""Centres of things stay within plus and minus this: the table has a low rim."""

PUSHER_REACH = HALF + 0.015
"""The pusher may go past the edge far enough to get behind anything at the rim."""

PUSHER_RADIUS = 0.010
HEIGHT = 0.020
"""Height of a block."""


@dataclass(frozen=True)
class Stick:
    """A capsule that lies flat: things collide as if made of these."""

    start: tuple[float, float]
    end: tuple[float, float]
    radius: float


@dataclass(frozen=True)
class Shape:
    """A flat shape: an outline to draw and round sticks to collide with."""

    name: str
    outline: tuple[tuple[float, float], ...]
    """Corners, counter-clockwise."""

    sticks: tuple[Stick, ...]
    """Together they make the rim that others touch."""

    mass: float = 0.05
    """Kilograms."""

    drag: float = 1.0
    """How much harder than a block it slides over the table, per kilogram."""

    friction: float | None = None
    """Against everything it touches; None: as the table says."""

    @cached_property
    def radius(self) -> float:
        """Of the circle around the centre that holds the whole shape."""
        return max(math.hypot(x, y) for x, y in self.outline)


@dataclass(frozen=True)
class Thing:
    """Something a goal can name, e.g. the red moon."""

    colour: str
    shape: Shape

    @property
    def name(self) -> str:
        """As people say it."""
        return f"{self.colour} {self.shape.name}" if self.colour else self.shape.name


def _polygon(corners: int, radius: float, turn: float = 90.0) -> list[tuple[float, float]]:
    angles = [math.radians(turn + 360.0 * i / corners) for i in range(corners)]
    return [(radius * math.cos(a), radius * math.sin(a)) for a in angles]


def _arc(radius: float, start: float, end: float, count: int) -> NDArray[np.float64]:
    """Points on a circle from one angle to the other, degrees, (count, 2)."""
    angles = np.radians(np.linspace(start, end, count))
    return np.stack([radius * np.cos(angles), radius * np.sin(angles)], axis=1)


def _rim(name: str, corners: list[tuple[float, float]]) -> Shape:
    """A convex shape: sticks run along its edges, inset by their radius."""
    radius = 0.004
    edges = list(zip(corners, corners[1:] + corners[:1], strict=True))
    apothem = min(abs(a[0] * b[1] - a[1] * b[0]) / math.dist(a, b) for a, b in edges)
    k = (apothem - radius) / apothem
    sticks = (Stick((k * a[0], k * a[1]), (k * b[0], k * b[1]), radius) for a, b in edges)
    return Shape(name, tuple(corners), tuple(sticks))


def _star() -> Shape:
    tips, notches = _polygon(5, 0.026), _polygon(5, 0.0125, 126.0)
    outline = tuple(corner for pair in zip(tips, notches, strict=True) for corner in pair)
    spokes = (Stick((0.0, 0.0), (0.86 * x, 0.86 * y), 0.0036) for x, y in tips)
    return Shape("star", outline, tuple(spokes))


def _sickle(
    name: str, *, outer: float, inner: float, rise: float, sweep: float, mass: float
) -> Shape:
    """A crescent with its tips up: the lower part of a ring whose hole is raised.

    `outer` and `inner` are the radii, `rise` how far the hole is raised, `sweep` half the angle
    that the outer arc covers, in degrees.
    """
    below = _arc(outer, -90.0 - sweep, -90.0 + sweep, 19)
    tip = below[-1]
    turn = math.degrees(math.atan2(tip[1] - rise, tip[0]))
    above = _arc(inner, -180.0 - turn, turn, 19) + np.array([0.0, rise])
    middle, half = (below + above) / 2.0, np.linalg.norm(below - above, axis=1) / 2.0
    outline = np.concatenate([below, above[-2:0:-1]])
    centre = np.array([0.0, (outline[:, 1].max() + outline[:, 1].min()) / 2.0])
    sticks = []
    for i, j in pairwise([1, 3, 6, 9, 12, 15, 17]):
        (ax, ay), (bx, by) = (middle[i] - centre).tolist(), (middle[j] - centre).tolist()
        sticks.append(Stick((ax, ay), (bx, by), max(float(half[i] + half[j]) / 2.0, 0.002)))
    corners = tuple((float(x), float(y)) for x, y in outline - centre)
    return Shape(name, corners, tuple(sticks), mass)


MOON = _sickle("moon", outer=0.024, inner=0.0185, rise=0.0105, sweep=118.0, mass=0.05)
CUBE = _rim("cube", [(0.018, -0.018), (0.018, 0.018), (-0.018, 0.018), (-0.018, -0.018)])
STAR = _star()
PENTAGON = _rim("pentagon", _polygon(5, 0.023))
BANANA = replace(
    _sickle("banana", outer=0.062, inner=0.060, rise=0.016, sweep=46.0, mass=0.12),
    drag=1.4,
    friction=0.6,
)

FOUR = (Thing("red", MOON), Thing("blue", CUBE), Thing("green", STAR), Thing("yellow", PENTAGON))
EIGHT = (
    Thing("red", MOON),
    Thing("red", PENTAGON),
    Thing("blue", MOON),
    Thing("blue", CUBE),
    Thing("green", STAR),
    Thing("green", CUBE),
    Thing("yellow", STAR),
    Thing("yellow", PENTAGON),
)
THE_BANANA = Thing("", BANANA)
"""Its colour goes without saying, so its name has none."""
