"""Where an episode begins: drawn from its seed and its goal alone, and only where a planner finds
a way.

Things keep 15 mm of room between them; the goal is well away; the pusher fits behind the subject; and
the subject has a free way to its goal, straight or around one corner.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from models_store.errors import LearningError
from practice.embodiments.language_table.goals import (
    PLACES,
    SEPARATE_DISTANCE,
    Family,
    Goal,
    offset_of,
    radius_of,
)
from practice.embodiments.language_table.things import (
    BLOCK_REACH,
    HALF,
    PUSHER_RADIUS,
    PUSHER_REACH,
    Thing,
)
from practice.embodiments.seeds import mix, uniforms

Points = NDArray[np.float64]

ROOM = 0.015
"""Between the circles around any two things, metres."""

START_REACH = HALF - 0.035
"""Things start within plus and minus this, so that the pusher fits between them and the rim."""

FAR_BLOCK = 0.10
"""Subject and reference of Block2Block start farther apart than this."""

_TRIES = 400
_CANDIDATES = 24
_JOINED = (0.002, 0.010)
"""Gap between two things that wait to be separated."""


@dataclass(frozen=True, slots=True)
class Start:
    """Poses at an episode's beginning."""

    poses: Points
    """(n, 3): x, y in metres, yaw in radians."""

    pusher: Points
    """(2,) metres."""


def draw_start(things: Sequence[Thing], goal: Goal, seed: int) -> Start:
    """The start of this seed and goal."""
    draft = _Draft(things, goal)
    base = mix(np.array([seed % 2**64], dtype=np.uint64))
    for attempt in range(_TRIES):
        stream = mix(base + np.uint64(attempt * 0x9E3779B1))
        drawn = uniforms(stream, draft.numbers)[0]
        start = draft.attempt(drawn)
        if start is not None:
            return start
    raise LearningError(f"No start found for {goal} in {_TRIES} tries; the table is too full.")


class _Draft:
    """Placing things one after the other; each takes the first of its candidates that fits."""

    def __init__(self, things: Sequence[Thing], goal: Goal) -> None:
        names = [thing.name for thing in things]
        self._goal = goal
        self._radii = np.array([thing.shape.radius for thing in things])
        self._subject = names.index(goal.subject)
        self._reference = None if goal.reference is None else names.index(goal.reference)
        first = [self._subject] if self._reference is None else [self._reference, self._subject]
        self._order = first + [i for i in range(len(names)) if i not in first]
        self.numbers = 2 * _CANDIDATES * (len(names) + 1) + len(names)

    def attempt(self, drawn: Points) -> Start | None:
        """A start from `numbers` draws in [0, 1), or None where something does not fit."""
        count = len(self._radii)
        spread = 2.0 * drawn[count:].reshape(count + 1, _CANDIDATES, 2) - 1.0
        centres = np.full((count, 2), np.inf)
        for place, index in enumerate(self._order):
            candidates = START_REACH * spread[place]
            if index == self._subject and self._goal.family == Family.SEPARATE:
                candidates = self._beside(centres, spread[place])
            else:
                candidates = candidates[self._fits(candidates, centres, index)]
            if index == self._subject:
                candidates = candidates[self._is_worth_it(candidates, centres)]
            if not len(candidates):
                return None
            centres[index] = candidates[0]
        pushers = PUSHER_REACH * spread[count]
        gaps = np.linalg.norm(pushers[:, None] - centres, axis=2) - self._radii
        pushers = pushers[gaps.min(axis=1) > PUSHER_RADIUS + ROOM]
        if not len(pushers) or not self._is_solvable(centres):
            return None
        yaw = (2.0 * drawn[:count] - 1.0) * np.pi
        return Start(np.column_stack([centres, yaw]), pushers[0])

    def _fits(self, candidates: Points, centres: Points, index: int) -> NDArray[np.bool_]:
        apart = np.linalg.norm(candidates[:, None] - centres, axis=2)
        return np.asarray((apart > self._radii + self._radii[index] + ROOM).all(axis=1))

    def _beside(self, centres: Points, spread: Points) -> Points:
        """Places of the subject right beside the reference, within the starting area."""
        assert self._reference is not None
        near, far = _JOINED
        gap = near + (far - near) * (spread[:, 1] + 1.0) / 2.0
        reach = self._radii[self._subject] + self._radii[self._reference] + gap
        angle = np.pi * spread[:, 0]
        ring = np.stack([np.cos(angle), np.sin(angle)], axis=1) * reach[:, None]
        places = centres[self._reference] + ring
        return np.asarray(places[(np.abs(places) <= START_REACH).all(axis=1)])

    def _is_worth_it(self, candidates: Points, centres: Points) -> NDArray[np.bool_]:
        """Whether the subject would start far enough from its goal."""
        goal = self._goal
        if goal.family == Family.SEPARATE:
            return np.ones(len(candidates), dtype=np.bool_)
        away = np.linalg.norm(candidates - self._target(centres), axis=1)
        if goal.family == Family.BLOCK_TO_BLOCK:
            # Things larger than blocks succeed farther away from each other's rim.
            return np.asarray(away > FAR_BLOCK)
        return np.asarray(away > radius_of(goal) + 0.045)

    def _target(self, centres: Points) -> Points:
        """(2,)"""
        base = np.zeros(2) if self._reference is None else centres[self._reference]
        return np.asarray(base + np.array(offset_of(self._goal)))

    def _is_solvable(self, centres: Points) -> bool:
        subject = centres[self._subject]
        ends = self._ends(centres)
        ends = ends[(np.abs(ends) <= BLOCK_REACH + 1e-9).all(axis=1)]
        ignored = {self._subject}
        if self._goal.family in (Family.BLOCK_TO_BLOCK, Family.SEPARATE):
            ignored.add(self._reference if self._reference is not None else -1)
        others = [i for i in range(len(centres)) if i not in ignored]
        obstacles, rims = centres[others], self._radii[others].copy()
        if self._goal.family == Family.BLOCK_TO_RELATIVE:
            # Beside a long thing means closer than the circle around it.
            beside = 0.95 * np.linalg.norm(offset_of(self._goal)) - self._radii[self._subject]
            assert self._reference is not None
            place = others.index(self._reference)
            rims[place] = min(rims[place], beside)
        near = [i for i in range(len(centres)) if i != self._subject]
        for end in ends:
            for corner in (None, *_CORNERS):
                path = [subject, end] if corner is None else [subject, corner, end]
                if self._passes(path, obstacles, rims) and self._has_room_behind(
                    subject, path[1], centres[near], self._radii[near]
                ):
                    return True
        return False

    def _ends(self, centres: Points) -> Points:
        """Where the subject may end up, (k, 2)."""
        if self._goal.family != Family.SEPARATE:
            return self._target(centres)[None]
        # Nobody can push from between two things: slide the subject off to either side.
        away = centres[self._subject] - centres[self._reference]
        away /= np.linalg.norm(away)
        sideways = np.array([-away[1], away[0]])
        ends = centres[self._subject] + np.stack([sideways, -sideways]) * SEPARATE_DISTANCE
        return np.asarray(ends)

    def _passes(self, path: list[Points], obstacles: Points, rims: Points) -> bool:
        clear = rims + self._radii[self._subject]
        return all(
            bool((_distance_to_line(obstacles, a, b) > clear).all()) for a, b in pairwise(path)
        )

    def _has_room_behind(
        self, subject: Points, ahead: Points, centres: Points, rims: Points
    ) -> bool:
        """Whether the pusher fits where a push towards `ahead` begins."""
        direction = ahead - subject
        length = float(np.linalg.norm(direction))
        if length < 1e-6:
            return False
        behind = subject - direction / length * (self._radii[self._subject] + PUSHER_RADIUS + 0.003)
        inside = bool((np.abs(behind) <= PUSHER_REACH).all())
        gaps = np.linalg.norm(centres - behind, axis=1) - rims
        return inside and bool((gaps > PUSHER_RADIUS).all())


_CORNERS = tuple(0.8 * np.array(place) for place in PLACES.values())


def _distance_to_line(points: Points, a: Points, b: Points) -> Points:
    """From each point (k, 2) to the line between a and b, (k,)."""
    along = b - a
    share = np.clip((points - a) @ along / max(float(along @ along), 1e-12), 0.0, 1.0)
    return np.asarray(np.linalg.norm(points - a - share[:, None] * along, axis=1))
