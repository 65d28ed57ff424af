"""The scripted demonstrator: the left arm takes the socket, the right arm the peg, and in they go.

It acts on the simulator's truth and looks again ten times a second, so it recovers: a hand that closed on
nothing opens and comes again, and a peg that meets the socket's rim is drawn back, aligned and pushed in
anew. Speed, grip, tilt, unsteadiness and blunders are drawn from the episode's seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from practice.embodiments.aloha.hands import ARMS, Hands
from practice.embodiments.aloha.kinematics import (
    Array,
    about_y,
    about_z,
    rotation_vector,
)
from practice.embodiments.aloha.presets import CHUNK
from practice.embodiments.aloha.sight import Sight, apply, look, misfit
from practice.embodiments.interface import Observation
from practice.embodiments.seeds import mix, uniforms

_HABIT_STREAM = np.uint64(0x616C68616269)
_NOISE_STREAM = np.uint64(0x616C6E6F6973)
_JERK_STREAM = np.uint64(0x616C6A65726B)
_JERKS, _JERK = 0.06, 0.12
"""Chance per tick that an arm jerks, and how far each of its joints then is off at most, radians."""

_MEMORY = 0.7
"""How much of a tick's unsteadiness is left at the next (Ornstein-Uhlenbeck, in discrete time)."""

_GRIP = np.array([0.142, 0.148])
"""How far out of the hand a thing is held, metres: socket, peg. The peg lies lower."""

_RAISED = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 0.005]])
"""Where things are gripped, above their middles, so that fingers do not scrape the table, metres."""

_ABOVE = np.array([0.0, 0.0, 0.08])
_MEET = np.array([[-0.075, 0.5, 0.25], [0.075, 0.5, 0.25]])
"""Where socket and peg are brought, metres."""

_APART, _INSIDE = 0.138, 0.092
"""Between the middles of peg and socket before insertion and at its end (inserted: 0.100)."""

_BITE, _STRAY = 0.014, 0.0045
"""How far the peg is sent into the socket at once, and how far beside the axis it may be, metres."""

_TWIST = 0.3
"""Radians a held thing may have turned between the fingers."""

_EMPTY = 0.2
"""A gripper closed further than this holds nothing; the peg keeps it at 0.35."""

_CLOSE = 0.012
"""How near the place to grip a hand is when it begins to close, metres; it goes on there while closing, since
a pause would teach to pause."""

_FINGERS = 0.3
"""How much a gripper opens or closes in a tick."""

_START_OPENING = 0.1


class Phase(IntEnum):
    """What an arm is at."""

    REACH = 0
    LOWER = 1
    CLOSE = 2
    CARRY = 3
    ALIGN = 4
    INSERT = 5


class Oracle:
    """One demonstrator for R robots; it remembers what each arm is at."""

    def __init__(self, num_robots: int, *, steps: bool = False) -> None:
        """Everything else is drawn when episodes begin. `steps`: say how far
        arms are to go in a tick, not where to at five times of it.
        """
        self._steps = steps
        self._hands = Hands(num_robots)
        self._phase = np.zeros((num_robots, 2), dtype=np.int64)
        self._since = np.zeros((num_robots, 2), dtype=np.int64)
        self._tick = np.zeros(num_robots, dtype=np.int64)
        self._seed = np.zeros(num_robots, dtype=np.uint64)
        self._noise = np.zeros((num_robots, 2, 3))
        self._pace = np.zeros((num_robots, 2))
        self._tilt = np.zeros((num_robots, 2))
        self._along = np.zeros((num_robots, 2))
        self._slip = np.zeros((num_robots, 2, 3))
        self._askew = np.zeros((num_robots, 2))
        self._wobble = np.zeros(num_robots)
        self._opening = np.zeros((num_robots, 2))
        self.regrasps = np.zeros(num_robots, dtype=np.int64)
        """(R,) times a hand had to come again in the episode."""

        self.realigns = np.zeros(num_robots, dtype=np.int64)
        """(R,) times the peg had to be drawn back."""

    def begin(
        self, robots: NDArray[np.int64], seeds: NDArray[np.uint64], instructions: Sequence[str]
    ) -> None:
        """Draw how to go about it. All instructions mean the same."""
        drawn = uniforms(mix(seeds ^ _HABIT_STREAM), 24)
        self._seed[robots], self._tick[robots] = seeds, 0
        self._phase[robots], self._since[robots] = Phase.REACH, 0
        self._noise[robots], self._opening[robots] = 0.0, _START_OPENING
        self.regrasps[robots] = self.realigns[robots] = 0
        self._hands.forget(robots)
        self._pace[robots] = (0.018 + 0.016 * drawn[:, :1]) * (0.9 + 0.2 * drawn[:, 1:3])
        self._tilt[robots] = np.radians(66.0 + 12.0 * drawn[:, 3:5])
        self._along[robots] = 0.010 * (2.0 * drawn[:, 5:7] - 1.0)
        self._wobble[robots] = 0.0005 + 0.0010 * drawn[:, 7]
        self._blunder(robots, drawn[:, 8:])

    def act(self, observation: Observation, robots: NDArray[np.int64]) -> NDArray[np.float32]:
        """Actions (k, A) for the rows of the observation, which belong to `robots`, (k,)."""
        scene = look(observation, robots, self._hands)
        self._decide(scene, robots)
        phase = self._phase[robots]
        goal = self._goals(scene, robots)
        slow = np.where(phase == Phase.INSERT, 0.3, np.where(phase == Phase.LOWER, 0.7, 1.0))
        pace = slow * self._pace[robots]
        still = np.broadcast_to(scene.inserted[:, None], phase.shape)
        commands = self._hands.travel(
            robots,
            scene.joints,
            goal,
            np.where(still, 0.0, pace),
            self._shaking(robots),
            swings=phase == Phase.REACH,
        )
        commands += self._jerks(robots)[:, None]
        self._since[robots] += 1
        self._tick[robots] += 1
        fingers = np.swapaxes(self._fingers(robots), 1, 2)
        if self._steps:
            commands, fingers = commands[:, -1:] - scene.joints[:, None], fingers[:, -1:]
        action = np.concatenate([commands, fingers[..., None]], axis=-1)
        return action.reshape(len(robots), -1).astype(np.float32)

    def _blunder(self, robots: NDArray[np.int64], drawn: Array) -> None:
        """First grips that miss, and first insertions that start askew, (k, 16) numbers in [0, 1)."""
        misses = drawn[:, 0:2] < 0.06
        beside = np.stack(
            [0.0 * drawn[:, 2:4], 0.0 * drawn[:, 4:6], 0.035 + 0.015 * drawn[:, 6:8]], axis=-1
        )
        self._slip[robots] = np.where(misses[..., None], beside, 0.0)
        angle = 2.0 * np.pi * drawn[:, 8]
        off = np.where(drawn[:, 9] < 0.12, 0.008 + 0.006 * drawn[:, 10], 0.002 * drawn[:, 10])
        self._askew[robots] = off[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=-1)

    # --- What to be at -----------------------------------------------------------------------------

    def _decide(self, scene: Sight, robots: NDArray[np.int64]) -> None:
        """Go over to what comes next, or back to what must be done again."""
        phase, since = self._phase[robots], self._since[robots]
        turned, place = self._goals(scene, robots)
        near = np.linalg.norm(place - scene.hand, axis=-1)
        off = rotation_vector(turned @ np.swapaxes(scene.hand_turned, -1, -2))
        poised = (near < 0.012) & (np.linalg.norm(off, axis=-1) < 0.12) & (scene.gripper > 0.85)
        next_ = phase.copy()
        next_[(phase == Phase.REACH) & (poised | (since > 25))] = Phase.LOWER
        next_[(phase == Phase.LOWER) & ((near < _CLOSE) | (since > 14))] = Phase.CLOSE
        next_[(phase == Phase.CLOSE) & (since >= 5)] = Phase.CARRY
        lost = (phase >= Phase.CARRY) & self._lost(scene, robots) & ~scene.inserted[:, None]
        next_[lost] = Phase.REACH
        self.regrasps[robots] += lost.sum(axis=1)
        self._slip[robots] = np.where(lost[..., None], 0.0, self._slip[robots])
        together = (next_ >= Phase.CARRY).all(axis=1)
        # Whoever is alone waits where things meet.
        next_[~together] = np.minimum(next_[~together], Phase.CARRY)
        ready = together & (next_ == Phase.CARRY).all(axis=1) & (near < 0.02).all(axis=1)
        next_[ready] = Phase.ALIGN
        self._decide_insertion(scene, robots, next_)
        self._since[robots] = np.where(next_ == phase, since, 0)
        self._phase[robots] = next_

    def _decide_insertion(
        self, scene: Sight, robots: NDArray[np.int64], next_: NDArray[np.int64]
    ) -> None:
        gap, aside, bent = misfit(scene)
        aside = np.linalg.norm(aside - self._askew[robots], axis=-1)
        waited = self._since[robots][:, 1]
        aligning, inserting = next_[:, 1] == Phase.ALIGN, next_[:, 1] == Phase.INSERT
        fits = (aside < 0.004) & (bent < 0.06) & (gap < _APART + 0.01)
        next_[aligning & ((fits & (waited >= 1)) | (waited > 30))] = Phase.INSERT
        stuck = (waited > 8) & (gap > 0.116) | (waited > 25)
        back = inserting & stuck & ~scene.inserted
        next_[back] = Phase.ALIGN
        self._askew[robots[back]] = 0.0
        self.realigns[robots[back]] += 1

    def _lost(self, scene: Sight, robots: NDArray[np.int64]) -> NDArray[np.bool_]:
        """(k, 2) whether a hand holds nothing, or nothing it can use."""
        held = scene.hand + _GRIP[:, None] * scene.hand_turned[..., 0]
        away = np.linalg.norm(held - scene.thing, axis=-1) > 0.045
        # A thing that hangs askew cannot be aligned by these arms.
        along = np.abs((scene.hand_turned[..., 0] * scene.thing_turned[..., 0]).sum(axis=-1))
        twisted = np.abs(np.arccos(np.clip(along, 0.0, 1.0)) - self._tilt[robots]) > _TWIST
        return np.asarray((scene.gripper < _EMPTY) | away | twisted)

    # --- Where to be -------------------------------------------------------------------------------

    def _goals(self, scene: Sight, robots: NDArray[np.int64]) -> tuple[Array, Array]:
        """Rotations (k, 2, 3, 3) and places (k, 2, 3) of the hands."""
        phase = self._phase[robots][..., None]
        grip_turned, grip = self._grips(scene, robots)
        lifted = grip + np.where(phase == Phase.REACH, 1.0, 0.0) * _ABOVE
        place = lifted + np.where(phase == Phase.LOWER, 1.0, 0.0) * self._slip[robots]
        turned_to, place_to = self._destinations(scene, robots)
        carried_turned, carried = scene.carried_to(turned_to, place_to)
        carries = phase >= Phase.CARRY
        return (
            np.where(carries[..., None], carried_turned, grip_turned),
            np.where(carries, carried, place),
        )

    def _grips(self, scene: Sight, robots: NDArray[np.int64]) -> tuple[Array, Array]:
        """Hands that could close on their things."""
        ahead = scene.thing_turned[..., 0]
        # Either end of a thing may be ahead.
        yaw = np.arctan(ahead[..., 1] / np.where(np.abs(ahead[..., 0]) < 1e-6, 1e-6, ahead[..., 0]))
        point = scene.thing + self._along[robots][..., None] * ahead + _RAISED
        turned = about_z(np.clip(yaw, -0.8, 0.8) + np.pi * ARMS) @ about_y(self._tilt[robots])
        return turned, point - _GRIP[:, None] * turned[..., 0]

    def _destinations(self, scene: Sight, robots: NDArray[np.int64]) -> tuple[Array, Array]:
        """Where things go: first to where they meet, then the peg into the socket as that is held."""
        phase = self._phase[robots][:, 1]
        turned = np.tile(np.eye(3), (len(robots), 2, 1, 1))
        place = np.broadcast_to(_MEET, (len(robots), 2, 3)).copy()
        fitting = phase >= Phase.ALIGN
        now, aside, _ = misfit(scene)
        straight = np.linalg.norm(aside - self._askew[robots], axis=-1) < _STRAY
        gap = np.maximum(now - np.where(straight, _BITE, 0.0), _INSIDE)
        gap = np.where(phase == Phase.INSERT, gap, _APART)
        beside = np.concatenate([gap[:, None], self._askew[robots]], axis=1)
        socket_turned, socket = scene.thing_turned[:, 0], scene.thing[:, 0]
        turned[fitting, 1] = socket_turned[fitting]
        place[fitting, 1] = (socket + apply(socket_turned, beside))[fitting]
        return turned, place

    def _fingers(self, robots: NDArray[np.int64]) -> Array:
        """Gripper commands (k, 2, 5): a hand takes a third of a second to open or close."""
        closing = self._phase[robots] >= Phase.CLOSE
        step = np.clip(np.where(closing, 0.0, 1.0) - self._opening[robots], -_FINGERS, _FINGERS)
        parts = np.arange(1, CHUNK + 1) / CHUNK
        commands = self._opening[robots][..., None] + step[..., None] * parts
        self._opening[robots] = commands[..., -1]
        return np.asarray(commands)

    def _jerks(self, robots: NDArray[np.int64]) -> Array:
        """Now and then an arm jerks, (k, 2, 6) radians, and is led back: who imitates learns how."""
        stream = mix(self._seed[robots] ^ _JERK_STREAM) + self._tick[robots].astype(np.uint64)
        drawn = uniforms(stream, 14).reshape(-1, 2, 7)
        calm = np.array([1.0, 0.6, 0.2, 1.0, 0.3, 0.3])[self._phase[robots]]
        jerk = (calm * _JERK)[..., None] * (2.0 * drawn[..., 1:] - 1.0)
        return np.asarray(np.where(drawn[..., :1] < _JERKS, jerk, 0.0))

    def _shaking(self, robots: NDArray[np.int64]) -> Array:
        """Unsteadiness (k, 2, 3), metres: a function of seed and tick, so that fleets of any size agree."""
        stream = mix(self._seed[robots] ^ _NOISE_STREAM) + self._tick[robots].astype(np.uint64)
        # The sum of three uniform numbers has variance 1/4: near enough to a bell.
        bell = 2.0 * (uniforms(stream, 18).reshape(-1, 2, 3, 3).sum(axis=-1) - 1.5)
        fresh = np.sqrt(1.0 - _MEMORY**2) * bell
        self._noise[robots] = _MEMORY * self._noise[robots] + fresh
        calm = np.array([1.0, 0.6, 0.6, 1.0, 0.5, 0.4])[self._phase[robots]]
        return np.asarray((calm * self._wobble[robots][:, None])[..., None] * self._noise[robots])
