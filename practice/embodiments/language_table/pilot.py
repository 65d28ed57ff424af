"""How to push: get behind the thing, around whatever lies in between, and push it along a free way.

One pilot serves all demonstrators. It looks at the true state, for many robots at once, and keeps no
memory but whether each robot is pushing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from practice.embodiments.language_table.routes import (
    CUT,
    RING,
    Points,
    bends,
    cuts,
    length,
    too_close,
    turned,
    unit,
    way_round,
)
from practice.embodiments.language_table.things import (
    BLOCK_REACH,
    PUSHER_RADIUS,
    PUSHER_REACH,
    Thing,
)

_GAP = 0.008
"""Between pusher and rim of the thing where a push begins, metres."""

_BIG = 0.03
"""Things of a larger radius are seen as several circles, metres."""

_APART = 0.118
"""How far apart two things are brought that must be separated, metres."""

_STEER = 1.1
"""How much of a sideways error a tick of pushing makes good."""

_HEED = 0.3
"""How much slower a push goes that is far off its line."""

_ALIGNED, _SLIPPED = 0.010, 0.014
"""How far beside its line a push may begin, and where it ends, metres."""

_PLACES = 0.8 * np.array([(x, y) for x in (-1, 0, 1) for y in (-1, 0, 1)]) * BLOCK_REACH
_TRAVEL = 0.5
"""A metre of the pusher's own way counts as this much of the thing's."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What the pilot sees of k tables."""

    pusher: Points
    """(k, 2) metres."""

    poses: Points
    """(k, n, 3): x, y in metres, yaw in radians."""

    coming: Points
    """(k, 2) metres: moves commanded before and still on their way to the motors."""


@dataclass(frozen=True, slots=True)
class Aim:
    """What k robots want, one value each."""

    subject: NDArray[np.int64]
    """(k,) the thing to push."""

    reference: NDArray[np.int64]
    """(k,) the thing it goes to, or -1."""

    ignored: NDArray[np.bool_]
    """(k,) whether the reference is no obstacle, since the subject shall touch it."""

    target: Points
    """(k, 2) where the subject's centre belongs, metres."""

    apart: NDArray[np.bool_]
    """(k,) whether instead the subject shall get away from the reference."""

    speed: Points
    """(k,) metres per tick."""

    veer: Points
    """(k,) push in a direction that is wrong by so much, radians."""

    aside: Points
    """(k,) push so far beside the middle, metres."""


class Pilot:
    """Turns what R robots want into moves."""

    def __init__(self, things: Sequence[Thing], num_robots: int) -> None:
        """Nobody pushes yet."""
        circles = [circle for i, thing in enumerate(things) for circle in _circles(i, thing)]
        self._owner = np.array([owner for owner, _, _, _ in circles])
        self._local = np.array([(x, y) for _, x, y, _ in circles])
        self._rim = np.array([radius for _, _, _, radius in circles])
        self._radius = np.array([thing.shape.radius for thing in things])
        self._width = np.array([min(thing.shape.radius, _BIG) for thing in things])
        self._beads, self._bead_rim = _beads(things)
        self.pushing = np.zeros(num_robots, dtype=np.bool_)

    def forget(self, robots: NDArray[np.int64]) -> None:
        """These robots start anew."""
        self.pushing[robots] = False

    def moves(self, scene: Scene, aim: Aim, robots: NDArray[np.int64]) -> Points:
        """(k, 2) metres for the robots (k,)."""
        middles = self._middles(scene.poses)
        rows = np.arange(len(robots))
        subject = scene.poses[rows, aim.subject, :2]
        ahead = self._ahead(scene, aim, subject)
        along = turned(unit(ahead - subject), aim.veer)
        across = np.stack([-along[:, 1], along[:, 0]], axis=1)
        contact = self._contact(scene.poses[rows, aim.subject, 2], along, aim)
        # A push takes the thing along, but not to the side.
        forth = np.einsum("kd,kd->k", scene.pusher - subject, along)
        side = np.einsum("kd,kd->k", scene.pusher + scene.coming - subject, across) - aim.aside
        pushing = self._is_pushing(robots, forth, side, contact)
        behind = subject - (contact + _GAP)[:, None] * along + aim.aside[:, None] * across
        free = self._towards(scene.pusher + scene.coming, behind, middles, aim.speed)
        sideways = np.clip(-_STEER * side, -0.6 * aim.speed, 0.6 * aim.speed)
        forward = aim.speed * (1.0 - _HEED * np.minimum(np.abs(side) / 0.015, 1.0))
        push = forward[:, None] * along + sideways[:, None] * across
        return np.where(pushing[:, None], push, free)

    def walks(self, scene: Scene, points: Points, speed: Points) -> Points:
        """(k, 2) metres: on the way to points (k, 2), around everything."""
        start = scene.pusher + scene.coming
        return self._towards(start, points, self._middles(scene.poses), speed)

    def _towards(self, pusher: Points, points: Points, middles: Points, speed: Points) -> Points:
        clear = np.broadcast_to(self._rim + PUSHER_RADIUS + 0.003, middles.shape[:2])
        away = way_round(pusher, points, middles, clear, PUSHER_REACH) - pusher
        return unit(away) * np.minimum(speed, length(away))[:, None]

    def _is_pushing(
        self, robots: NDArray[np.int64], forth: Points, side: Points, contact: Points
    ) -> NDArray[np.bool_]:
        """A push begins well aligned behind the thing and ends when the pusher has slipped past."""
        away = np.abs(side)
        begins = (away < _ALIGNED) & (forth < 0.004 - contact) & (forth > -contact - 0.03)
        lasts = (away < _SLIPPED) & (forth < 0.020 - contact)
        self.pushing[robots] = np.where(self.pushing[robots], lasts, begins)
        return self.pushing[robots]

    def _middles(self, poses: Points) -> Points:
        """Circles that cover the things, (k, c, 2)."""
        at = poses[:, self._owner]
        return np.asarray(at[..., :2] + turned(self._local[None], at[..., 2]))

    def _contact(self, yaw: Points, along: Points, aim: Aim) -> Points:
        """How far from the subject's centre a pusher right behind it touches it, (k,)."""
        away = turned(self._beads[aim.subject], yaw[:, None])
        back = -np.einsum("kcd,kd->kc", away, along)
        side = away[..., 1] * along[:, None, 0] - away[..., 0] * along[:, None, 1]
        reach = self._bead_rim[aim.subject] + PUSHER_RADIUS
        touch = back + np.sqrt(np.maximum(reach**2 - side**2, 0.0))
        return np.asarray(np.where(np.abs(side) < reach, touch, 0.0).max(axis=1))

    def _ahead(self, scene: Scene, aim: Aim, subject: Points) -> Points:
        """The next point of the subject's way, (k, 2): its target where the way is free."""
        middles, clear = self._obstacles(scene, aim)
        target = aim.target[:, None]
        trouble = cuts(subject[:, None], target, middles, clear)
        trouble += self._cramped(aim, subject, target, middles)
        ahead = aim.target.copy()
        rows = np.flatnonzero((trouble[:, 0] > 1e-3) | aim.apart)
        if len(rows):
            some = Aim(*(getattr(aim, name)[rows] for name in Aim.__slots__))
            there = Scene(scene.pusher[rows], scene.poses[rows], scene.coming[rows])
            ahead[rows] = self._around(there, some, subject[rows])
        return ahead

    def _obstacles(self, scene: Scene, aim: Aim) -> tuple[Points, Points]:
        """What the subject must not run into: circles (k, c, 2), and how far its centre must keep
        from theirs, (k, c).
        """
        own = self._owner == aim.subject[:, None]
        unseen = own | (aim.ignored[:, None] & (self._owner == aim.reference[:, None]))
        clear = self._rim + self._width[aim.subject, None] + 0.002
        return self._middles(scene.poses), np.where(unseen, 0.0, clear)

    def _around(self, scene: Scene, aim: Aim, subject: Points) -> Points:
        """The first point of the cheapest bent way, (k, 2)."""
        middles, clear = self._obstacles(scene, aim)
        start, target = subject[:, None], aim.target[:, None]
        fixed = np.broadcast_to(_PLACES, (len(subject), *_PLACES.shape))
        via = np.concatenate([target, fixed, bends(middles, clear, BLOCK_REACH)], axis=1)
        if aim.apart.any():
            # Any place far enough from the reference is a target of its own.
            other = scene.poses[np.arange(len(subject)), aim.reference, :2]
            ends = np.clip(other[:, None] + _APART * RING, -BLOCK_REACH, BLOCK_REACH)
            short = _APART - length(ends - other[:, None])
            via[aim.apart, : len(RING)] = ends[aim.apart]
        rest = length(target - via) + CUT * cuts(via, target, middles, clear)
        if aim.apart.any():
            rest[aim.apart] = 10.0
            rest[aim.apart, : len(RING)] = CUT * np.maximum(short[aim.apart], 0.0)
        cost = rest + length(via - start) + CUT * cuts(start, via, middles, clear)
        cost += CUT * self._cramped(aim, subject, via, middles)
        cost += _TRAVEL * self._travel(scene, aim, subject, via)
        return np.asarray(via[np.arange(len(subject)), np.argmin(cost, axis=1)])

    def _cramped(self, aim: Aim, subject: Points, via: Points, middles: Points) -> Points:
        """By how much the pusher does not fit behind the subject for pushes to `via`, (k, m)."""
        behind = self._behind(aim, subject, via)
        outside = np.maximum(np.abs(behind) - PUSHER_REACH, 0.0).sum(axis=2)
        clear = np.where(
            self._owner == aim.subject[:, None], 0.0, self._rim + PUSHER_RADIUS + 0.001
        )
        near = length(via - subject[:, None]) < 0.005
        return np.asarray(np.where(near, 0.0, outside + too_close(behind, middles, clear)))

    def _travel(self, scene: Scene, aim: Aim, subject: Points, via: Points) -> Points:
        """The pusher's way to where it would push towards `via`, (k, m): around the subject."""
        behind = self._behind(aim, subject, via)
        a, b = unit(scene.pusher - subject)[:, None], unit(behind - subject[:, None])
        angle = np.arccos(np.clip(np.einsum("kmd,kmd->km", a, b), -1.0, 1.0))
        return np.asarray(angle * (self._width[aim.subject] + 0.02)[:, None])

    def _behind(self, aim: Aim, subject: Points, via: Points) -> Points:
        """Where the pusher would push from, (k, m, 2)."""
        along = unit(via - subject[:, None])
        reach = self._width[aim.subject] + PUSHER_RADIUS + 0.003
        return np.asarray(subject[:, None] - along * reach[:, None, None])


def _circles(index: int, thing: Thing) -> list[tuple[int, float, float, float]]:
    """(owner, x, y, radius) that cover a thing: one for a block, several for a long thing."""
    if thing.shape.radius <= _BIG:
        return [(index, 0.0, 0.0, thing.shape.radius)]
    return [(index, x, y, radius + 0.001) for x, y, radius in _string(thing)[::2]]


def _beads(things: Sequence[Thing]) -> tuple[Points, Points]:
    """Middles (n, b, 2) and radii (n, b) of small circles that trace each thing's true rim."""
    strings = [_string(thing) for thing in things]
    longest = max(map(len, strings))
    # Short ones repeat their last bead.
    rows = np.array([beads + beads[-1:] * (longest - len(beads)) for beads in strings])
    return rows[..., :2], rows[..., 2]


def _string(thing: Thing) -> list[tuple[float, float, float]]:
    return [
        (
            (1 - share) * stick.start[0] + share * stick.end[0],
            (1 - share) * stick.start[1] + share * stick.end[1],
            stick.radius,
        )
        for stick in thing.shape.sticks
        for share in (0.0, 0.5, 1.0)
    ]
