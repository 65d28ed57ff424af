"""Ways around things: the shortest of a few bent lines, for many robots at once.

Things are circles. A way is straight, or bends at one point of a ring around some circle. Cutting a
circle is dear but not forbidden, so there is always an answer.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]

CUT = 8.0
"""What a metre too close to a circle costs, in metres of way."""

_ANGLES = np.arange(10) * (2.0 * np.pi / 10)
RING = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], axis=1)
_BEND = 0.009
"""Bends lie this far outside the circles, metres."""


def length(vectors: Points) -> Points:
    """(..., 2) -> (...)"""
    return np.asarray(np.sqrt(np.einsum("...d,...d->...", vectors, vectors)))


def unit(vectors: Points) -> Points:
    """(..., 2) -> (..., 2) of length 1; a zero stays zero."""
    return np.asarray(vectors / np.maximum(length(vectors), 1e-9)[..., None])


def turned(vectors: Points, angle: Points) -> Points:
    """(..., 2) turned counter-clockwise by (...) radians."""
    cos, sin = np.cos(angle), np.sin(angle)
    x, y = vectors[..., 0], vectors[..., 1]
    return np.stack([cos * x - sin * y, sin * x + cos * y], axis=-1)


def too_close(points: Points, centres: Points, clear: Points) -> Points:
    """By how much points (k, m, 2) lie inside circles (k, c, 2) of radii (k, c), summed, (k, m)."""
    apart = length(points[:, :, None] - centres[:, None])
    return np.asarray(np.maximum(clear[:, None] - apart, 0.0).sum(axis=2))


def cuts(start: Points, end: Points, centres: Points, clear: Points) -> Points:
    """By how much straight lines (k, m, 2) cut circles (k, c, 2), summed, (k, m). A line that
    begins inside a circle may leave it freely.
    """
    line = end - start
    to_x = centres[:, None, :, 0] - start[..., 0, None]
    to_y = centres[:, None, :, 1] - start[..., 1, None]
    line_x, line_y = line[..., 0, None], line[..., 1, None]
    squared = np.maximum(line_x**2 + line_y**2, 1e-12)
    share = np.clip((to_x * line_x + to_y * line_y) / squared, 0.0, 1.0)
    nearest = np.hypot(to_x - share * line_x, to_y - share * line_y)
    allowed = np.minimum(clear[:, None], np.hypot(to_x, to_y))
    return np.asarray(np.maximum(allowed - nearest, 0.0).sum(axis=2))


def bends(centres: Points, clear: Points, reach: Points) -> Points:
    """Points around circles (k, c, 2) where a way may bend, within plus and minus `reach`, (k, m, 2)."""
    around = centres[:, :, None] + (clear[:, :, None, None] + _BEND) * RING
    return np.asarray(np.clip(around.reshape(len(centres), -1, 2), -reach, reach))


def way_round(start: Points, end: Points, centres: Points, clear: Points, reach: Points) -> Points:
    """Where to go next, (k, 2), on the way from `start` to `end`, both (k, 2), around circles."""
    towards = end.copy()
    bent = np.flatnonzero(cuts(start[:, None], end[:, None], centres, clear)[:, 0] > 1e-3)
    if not len(bent):
        return towards
    a, b, middle, free = start[bent, None], end[bent, None], centres[bent], clear[bent]
    via = np.concatenate([bends(middle, free, reach), b], axis=1)
    cost = length(via - a) + length(b - via)
    first, last = cuts(a, via, middle, free), cuts(via, b, middle, free)
    cost += CUT * (first + last)
    best = np.argmin(cost, axis=1)
    towards[bent] = via[np.arange(len(bent)), best]
    return towards
