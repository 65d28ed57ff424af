"""Random play: pictures of a table whose pusher wanders from thing to thing, with the truth about
where everything is. Nobody tries to do what the instruction says.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from practice.embodiments.interface import Observation, Scenes
from practice.embodiments.language_table.fleet import LanguageTableFleet
from practice.embodiments.language_table.presets import CAMERA, MAX_MOVE, STATE, TRUTH, Table

_ROBOTS = 256
_TICKS = 24
_EVERY = 4
"""Ticks between pictures of one table; frames in between hardly differ."""

_STRAY = 0.02
"""How far beside a thing the pusher aims, metres; so it bumps, slides past, or pushes."""

_SHAKE = 0.006
_CHANGE_OF_MIND = 0.08
"""Chance per tick to head for another thing."""

_Frame = tuple[Observation, Observation, NDArray[np.int64]]
"""Observation (R, ...), the one before it, and each robot's instruction (R,)."""


def scenes(table: Table, count: int, *, seed: int, texts: Sequence[str]) -> Scenes:
    """`count` pictures in random order; the same seed gives the same ones."""
    rng = np.random.default_rng(seed)
    frames: list[_Frame] = []
    play = _play(table, rng, seed, texts, min(_ROBOTS, count))
    while sum(len(asked) for _, _, asked in frames) < count:
        frames.append(next(play))
    order = rng.permutation(sum(len(asked) for _, _, asked in frames))[:count]
    now = {
        name: np.concatenate([frame[0][name] for frame in frames])[order]
        for name in (CAMERA, STATE, TRUTH)
    }
    before = np.concatenate([frame[1][CAMERA] for frame in frames])[order]
    return Scenes(
        observation={CAMERA: now[CAMERA], STATE: now[STATE]},
        before={CAMERA: before},
        landmarks=_landmarks(now[TRUTH], len(table.things)),
        instructions=tuple(texts),
        instruction=np.concatenate([asked for _, _, asked in frames])[order],
    )


def _play(
    table: Table, rng: np.random.Generator, seed: int, texts: Sequence[str], robots: int
) -> Iterator[_Frame]:
    """Frames without end; new starts after every `_TICKS`."""
    fleet, everybody = LanguageTableFleet(table, robots), np.arange(robots)
    first = np.uint64(seed % 2**31) << np.uint64(32)
    while True:
        asked = rng.integers(len(texts), size=robots)
        seeds = first + everybody.astype(np.uint64)
        first += np.uint64(robots)
        seen = fleet.reset(everybody, seeds, [texts[i] for i in asked])
        yield seen, seen, asked
        wander = _Wander(rng, robots, len(table.things))
        for tick in range(1, _TICKS + 1):
            before, seen = seen, fleet.step(wander.moves(seen)).observation
            if tick % _EVERY == 0:
                yield seen, before, asked


class _Wander:
    """Towards some thing, a little beside it, at some speed."""

    def __init__(self, rng: np.random.Generator, robots: int, things: int) -> None:
        self._rng, self._robots, self._things = rng, robots, things
        self._heading = rng.integers(things, size=robots)
        self._beside = rng.normal(0.0, _STRAY, size=(robots, 2))
        self._speed = MAX_MOVE * rng.uniform(0.3, 1.0, size=(robots, 1))

    def moves(self, seen: Observation) -> NDArray[np.float32]:
        """(R, 2) metres."""
        rng, robots = self._rng, self._robots
        other = rng.random(robots) < _CHANGE_OF_MIND
        self._heading = np.where(other, rng.integers(self._things, size=robots), self._heading)
        fresh = rng.normal(0.0, _STRAY, size=(robots, 2))
        self._beside = np.where(other[:, None], fresh, self._beside)
        there = _places(seen[TRUTH], self._things)[np.arange(robots), self._heading]
        way = there + self._beside - seen[STATE]
        way *= self._speed / (np.linalg.norm(way, axis=1, keepdims=True) + 1e-6)
        way += rng.normal(0.0, _SHAKE, size=way.shape)
        return np.clip(way, -MAX_MOVE, MAX_MOVE).astype(np.float32)


def _places(truth: NDArray[np.float32], things: int) -> NDArray[np.float32]:
    """(k, things, 2): where every thing is."""
    return truth[:, : 3 * things].reshape(len(truth), things, 3)[..., :2]


def _landmarks(truth: NDArray[np.float32], things: int) -> NDArray[np.float32]:
    """The subject, its goal, and every thing: (k, 4 + 2 things) metres."""
    places = _places(truth, things)
    asked = truth[:, 3 * things + 2 :]  # subject, reference, goal x, goal y, radius
    subject = places[np.arange(len(truth)), asked[:, 0].astype(np.int64)]
    return np.concatenate([subject, asked[:, 2:4], places.reshape(len(truth), -1)], axis=1)
