"""The human-like demonstrator: it gets there in the end, as people do.

Every episode has a style, and within it luck: pauses, detours, a wrong side first, a wrong block
first, a hand that slips, a swing that carries on. All of it follows from the episode's seed. It still
decides by what can be seen now, so one frame is enough to learn from; what cloning it cannot teach is
to leave the dawdling out.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass, replace

import numpy as np
from numpy.typing import NDArray

from practice.embodiments.language_table.oracle import Oracle
from practice.embodiments.language_table.pilot import Aim, Scene
from practice.embodiments.language_table.presets import MAX_MOVE, Table
from practice.embodiments.language_table.routes import Points, length
from practice.embodiments.language_table.things import HALF
from practice.embodiments.seeds import mix, uniforms

_LUCK_STREAM = np.uint64(0x6C75636B)
_REFERENCE_HORIZON = 60
"""Speeds are meant for episodes of this many steps; where there is more time, people take it."""

_LONGEST_DETOUR = 14
_LONGEST_MISREADING = 20
_SLIP_TICKS = 2


@dataclass(frozen=True, slots=True)
class Manner:
    """How one style goes about it."""

    share: float
    """Of all episodes."""

    speed: float
    """As a share of the fastest move; each episode draws around it."""

    wobble: float
    """Standard deviation of the noise, metres per axis."""

    swing: float
    """How much of the last move carries over into the next, in [0, 1): what overshoots."""

    pause: float
    """Chance per tick to stop and think."""

    thought: float
    """How long that takes on average, ticks."""

    shy: float
    """Longest wait before the first touch, ticks."""

    detour: float
    """Chance to wander elsewhere first; and of that again, a second time."""

    wrong_side: float
    """Chance to push from a wrong side first."""

    misread: float
    """Chance to go for a wrong thing first."""

    slip: float
    """Chance per tick of pushing to slip off."""

    sloppy: float
    """How far beside the goal it aims from afar, metres."""


MANNERS: dict[str, Manner] = {
    "steady": Manner(0.18, 0.40, 0.004, 0.15, 0.02, 2.0, 2, 0.10, 0.08, 0.04, 0.010, 0.008),
    "careful": Manner(0.20, 0.38, 0.003, 0.10, 0.03, 2.0, 4, 0.08, 0.05, 0.03, 0.005, 0.005),
    "hasty": Manner(0.16, 0.72, 0.006, 0.45, 0.02, 2.0, 1, 0.20, 0.45, 0.25, 0.060, 0.025),
    "detouring": Manner(0.16, 0.62, 0.005, 0.30, 0.02, 2.0, 2, 0.90, 0.12, 0.08, 0.020, 0.015),
    "hesitant": Manner(0.16, 0.53, 0.004, 0.15, 0.08, 2.0, 6, 0.20, 0.12, 0.10, 0.010, 0.010),
    "clumsy": Manner(0.14, 0.60, 0.006, 0.30, 0.03, 2.0, 2, 0.20, 0.25, 0.12, 0.050, 0.020),
}
STYLES = tuple(MANNERS)
"""Names of all styles."""

_TABLE = np.array([astuple(manner) for manner in MANNERS.values()])


class Human(Oracle):
    """An oracle with a person's habits in between."""

    def __init__(self, table: Table, num_robots: int) -> None:
        """Styles are drawn when episodes begin."""
        super().__init__(table, num_robots)
        self._pace = MAX_MOVE * _REFERENCE_HORIZON / max(table.horizon, _REFERENCE_HORIZON)
        self._manner = np.zeros((num_robots, _TABLE.shape[1]))
        self._which = np.zeros(num_robots, dtype=np.int64)
        self._waits = np.zeros(num_robots, dtype=np.int64)
        self._shy = np.zeros(num_robots, dtype=np.int64)
        self._detours = np.zeros(num_robots, dtype=np.int64)
        self._walked = np.zeros(num_robots, dtype=np.int64)
        self._lure = np.zeros((num_robots, 2, 2))
        self._veer = np.zeros(num_robots)
        self._patience = np.zeros(num_robots, dtype=np.int64)
        self._misread = np.zeros(num_robots, dtype=np.int64)
        self._slips = np.zeros(num_robots, dtype=np.int64)
        self._beside = np.zeros((num_robots, 2))
        self._last = np.zeros((num_robots, 2))

    def _style(self, robot: int) -> str:
        return STYLES[int(self._which[robot])]

    def _habit(self, name: str, robots: NDArray[np.int64]) -> Points:
        return np.asarray(self._manner[robots, Manner.__slots__.index(name)])

    def _draw_habits(self, robots: NDArray[np.int64], drawn: Points) -> None:
        """Style first, then this episode's own measure of everything."""
        shares = np.cumsum(_TABLE[:, 0])
        which = np.searchsorted(shares / shares[-1], drawn[:, 0], side="right")
        self._which[robots], self._manner[robots] = which, _TABLE[which]
        self._speed[robots] = self._pace * self._habit("speed", robots) * (0.8 + 0.4 * drawn[:, 1])
        self._wobble[robots] = self._habit("wobble", robots)
        self._aside[robots] = 0.006 * (2.0 * drawn[:, 2] - 1.0)
        self._shy[robots] = (self._habit("shy", robots) + 1.0) * drawn[:, 3]
        self._waits[robots] = (self._habit("shy", robots) / 2.0 + 1.0) * drawn[:, 4]
        once = drawn[:, 5] < self._habit("detour", robots)
        twice = once & (drawn[:, 6] < self._habit("detour", robots) / 2.0)
        self._detours[robots], self._walked[robots] = once.astype(int) + twice, 0
        self._lure[robots] = HALF * (2.0 * drawn[:, 7:11].reshape(-1, 2, 2) - 1.0)
        wrong = drawn[:, 11] < self._habit("wrong_side", robots)
        side = np.where(drawn[:, 12] < 0.5, -1.0, 1.0)
        self._veer[robots] = np.where(wrong, side * (0.9 + 1.1 * drawn[:, 13]), 0.0)
        self._patience[robots] = 2 + (3 * drawn[:, 14]).astype(int)
        misread = drawn[:, 15] < self._habit("misread", robots)
        others = len(self._things) - 1
        steps = 1 + np.minimum((drawn[:, 16] * others).astype(int), others - 1)
        self._misread[robots] = np.where(misread & (others > 0), steps, 0)
        angle = 2.0 * np.pi * drawn[:, 17]
        self._beside[robots] = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        self._beside[robots] *= self._habit("sloppy", robots)[:, None]
        self._slips[robots], self._last[robots] = 0, 0.0

    def _hurry(self, robots: NDArray[np.int64]) -> None:
        """People do not look at the clock."""

    def _moves(self, scene: Scene, robots: NDArray[np.int64]) -> Points:
        luck = uniforms(
            mix(self._seed[robots] ^ _LUCK_STREAM) + self.tick[robots].astype(np.uint64), 4
        )
        aim = self._aim(scene, robots)
        moves = self._pilot.moves(scene, aim, robots)
        moves = self._wandering(moves, scene, aim, robots)
        moves = self._slipping(moves, luck, robots)
        swing = self._habit("swing", robots)[:, None]
        moves = (1.0 - swing) * moves + swing * self._last[robots]
        self._notice(scene, aim, luck, robots)
        moves = np.where(self._thinks(luck, robots)[:, None], 0.0, moves)
        self._last[robots] = moves
        return moves

    def _aim(self, scene: Scene, robots: NDArray[np.int64]) -> Aim:
        """What it believes was asked for."""
        aim = super()._aim(scene, robots)
        rows = np.arange(len(robots))
        positions = scene.poses[..., :2]
        far = length(positions[rows, aim.subject] - aim.target) - self._goals.radius[robots]
        doubt = np.clip((far - 0.01) / 0.05, 0.0, 1.0)[:, None]
        aim = replace(
            aim,
            target=aim.target + np.where(aim.apart[:, None], 0.0, doubt * self._beside[robots]),
            veer=self._veer[robots],
        )
        wrong = self._misread[robots]
        if not wrong.any():
            return aim
        subject = (aim.subject + wrong) % len(self._things)
        # Taking the reference for the subject is taking the sentence the wrong way round.
        swapped = (wrong > 0) & (subject == aim.reference)
        back = positions[rows, aim.subject]
        return replace(
            aim,
            subject=subject,
            reference=np.where(swapped, aim.subject, aim.reference),
            target=np.where(swapped[:, None], back, aim.target),
        )

    def _wandering(
        self, moves: Points, scene: Scene, aim: Aim, robots: NDArray[np.int64]
    ) -> Points:
        """Somewhere else first."""
        left = self._detours[robots]
        rows = np.flatnonzero(left > 0)
        if not len(rows):
            return moves
        who = robots[rows]
        lure = self._lure[who, left[rows] - 1]
        here = Scene(scene.pusher[rows], scene.poses[rows], scene.coming[rows])
        moves[rows] = self._pilot.walks(here, lure, aim.speed[rows])
        self._walked[who] += 1
        there = length(lure - here.pusher) < 0.03
        ends = there | (self._walked[who] >= _LONGEST_DETOUR)
        self._detours[who] -= ends
        self._walked[who[ends]] = 0
        return moves

    def _slipping(self, moves: Points, luck: Points, robots: NDArray[np.int64]) -> Points:
        """Off to the side in the middle of a push."""
        starts = self._pilot.pushing[robots] & (luck[:, 0] < self._habit("slip", robots))
        side = np.where(luck[:, 1] < 0.5, -_SLIP_TICKS, _SLIP_TICKS)
        slips = np.where(starts & (self._slips[robots] == 0), side, self._slips[robots])
        self._slips[robots] = slips - np.sign(slips)
        across = np.stack([-moves[:, 1], moves[:, 0]], axis=1) * np.sign(slips)[:, None]
        return np.where((slips != 0)[:, None], 0.3 * moves + 1.1 * across, moves)

    def _notice(self, scene: Scene, aim: Aim, luck: Points, robots: NDArray[np.int64]) -> None:
        """Mistakes are seen after a while of pushing; then it stops, thinks, and does it right."""
        subject = scene.poses[np.arange(len(robots)), aim.subject, :2]
        # Some see it on the way there, most when the wrong thing has begun to move.
        near = (length(scene.pusher - subject) < 0.06) & (luck[:, 1] < 0.25)
        mistaken = (self._veer[robots] != 0.0) | (self._misread[robots] > 0)
        touching = mistaken & (self._pilot.pushing[robots] | (near & (self._misread[robots] > 0)))
        self._patience[robots] -= touching
        late = (self._misread[robots] > 0) & (self.tick[robots] >= _LONGEST_MISREADING)
        seen = mistaken & ((self._patience[robots] <= 0) | late)
        who = robots[seen]
        self._veer[who] = np.where(self._misread[who] > 0, self._veer[who], 0.0)
        self._misread[who] = 0
        self._patience[who] = 3
        self._waits[who] = 1 + (3.0 * luck[seen, 2]).astype(int)

    def _thinks(self, luck: Points, robots: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether each robot stands still at this tick, (k,)."""
        first_touch = self._pilot.pushing[robots] & (self._shy[robots] > 0)
        stops = luck[:, 3] < self._habit("pause", robots)
        thought = 1 + (2.0 * self._habit("thought", robots) * luck[:, 2]).astype(int)
        waits = np.where(stops & (self._waits[robots] == 0), thought, self._waits[robots])
        waits = np.where(first_touch, np.maximum(waits, self._shy[robots]), waits)
        self._shy[robots[first_touch]] = 0
        self._waits[robots] = np.maximum(waits - 1, 0)
        return np.asarray(waits > 0)
