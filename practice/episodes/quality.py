"""How good one recording is: idle steps, saturated commands, smoothness, frames that a camera lost.

Every measure is free of scale: neither units nor the control rate change it. What only a whole set can tell (odd lengths, duplicates, where
episodes start) is in `quality_sets.py`. Formulas and their sources: docs/data.md, "Quality".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from practice.episodes.types import Episode

STATE = "observation.state"
"""What the robot feels of itself, where it has that feature."""
IDLE = 0.05
"""Slower than this share of the speed at which a feature usually moves is standing still."""
STILL = 1e-4
"""Nor does a change below this share of a feature's largest value count: contacts of simulators tremble."""
AT_BOUND = 1e-4
"""Nearer to a bound than this share of the way between both is at the bound."""
FAST = 0.5
"""A picture must change where something moves at least at this share of its usual speed."""
ODD_LENGTH = 3.5
"""Robust z of log length beyond which a length is odd (Iglewicz & Hoaglin 1993)."""


@dataclass(frozen=True, slots=True)
class Quality:
    """What was measured of one episode; the last three are known once its whole set was looked at."""

    length: int
    """Control steps."""
    seconds: float
    idle_share: float
    """Share of steps in which neither state nor action moves, in [0, 1]."""
    idle_first: int
    idle_end: int
    """The longest stretch without movement, control steps, the second exclusive."""
    clipped_share: float | None
    """Share of action values at a bound, in [0, 1]; None without bounds."""
    jerk: float | None
    """ln of the dimensionless squared jerk: 5.3 for the smoothest reach there is, more for every halt and shake; None where
    nothing moves."""
    dropped: int
    """Frames that repeat the one before although the robot moves, of the camera that has most."""
    length_z: float | None = None
    """Robust z of log length within its dataset."""
    duplicate_of: int | None = None
    """The earlier episode that this one nearly repeats."""
    start: tuple[float, float] | None = None
    """Where it starts on its dataset's two first principal components, the middle 98 % of them in [0, 1]."""

    @property
    def odd_length(self) -> bool:
        """Whether the length falls out of its dataset."""
        return self.length_z is not None and abs(self.length_z) > ODD_LENGTH

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; numbers keep five digits."""
        told: dict[str, Any] = {name: getattr(self, name) for name in self.__slots__}
        told = {k: _short(v) if isinstance(v, float) else v for k, v in told.items()}
        start = None if self.start is None else [_short(x) for x in self.start]
        return {**told, "start": start, "odd_length": self.odd_length}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The values that `to_json` wrote."""
        known = {name: data[name] for name in cls.__slots__ if name in data}
        start = known.get("start")
        return cls(**{**known, "start": None if start is None else (start[0], start[1])})


def quality_of(
    episode: Episode,
    *,
    action_bounds: tuple[NDArray[np.floating], NDArray[np.floating]] | None,
    fps: float,
) -> Quality:
    """Measure an episode of T steps; bounds are lowest and highest action, (A,), infinite where there is none; fps in steps/s.

    The observation after the last action is left out: many datasets do not have it and repeat the one before.
    """
    assert fps > 0, fps
    sensed = _moves(episode)
    acted = _change(episode.action)
    still = ~_exceeds(acted, IDLE, episode.action)
    for values in sensed.values():
        still &= ~_exceeds(_change(values), IDLE, values)
    first, end = longest_run(still)
    path = sensed.get(STATE, episode.action)
    return Quality(
        length=episode.length,
        seconds=episode.length / fps,
        idle_share=float(still.mean()) if still.size else 0.0,
        idle_first=first,
        idle_end=end,
        clipped_share=None if action_bounds is None else clipped(episode.action, *action_bounds),
        jerk=log_jerk(path),
        dropped=_dropped(episode, sensed),
    )


def vectors(episode: Episode) -> dict[str, NDArray[np.float64]]:
    """What is sensed as numbers, name -> (T + 1, n)."""
    return {
        name: values.astype(np.float64)
        for name, values in episode.observation.items()
        if values.ndim == 2
    }


def cameras(episode: Episode) -> dict[str, NDArray[np.uint8]]:
    """What is seen, name -> (T + 1, H, W, 3)."""
    return {name: values for name, values in episode.observation.items() if values.ndim == 4}


def longest_run(flags: NDArray[np.bool_]) -> tuple[int, int]:
    """Where the longest run of true values of (n,) begins and ends, the end exclusive; (0, 0) where there is none."""
    edges = np.flatnonzero(np.diff(flags.astype(np.int8), prepend=0, append=0)).reshape(-1, 2)
    if not len(edges):
        return 0, 0
    first, end = edges[np.argmax(edges[:, 1] - edges[:, 0])]
    return int(first), int(end)


def clipped(
    action: NDArray[np.floating], low: NDArray[np.floating], high: NDArray[np.floating]
) -> float | None:
    """Share of the values of (T, A) that lie at a bound; None where no value has bounds.

    A value that takes nothing but its two bounds is a switch, as of a gripper, and does not count.
    """
    bounded = np.isfinite(low) & np.isfinite(high) & (high > low)
    width = np.where(bounded, high - low, 1.0)
    near_low = action <= np.where(bounded, low, -np.inf) + AT_BOUND * width
    near_high = action >= np.where(bounded, high, np.inf) - AT_BOUND * width
    at_bound = near_low | near_high
    switch = at_bound.all(axis=0) & near_low.any(axis=0) & near_high.any(axis=0)
    counted = at_bound[:, bounded & ~switch]
    return float(counted.mean()) if counted.size else None


def log_jerk(path: NDArray[np.floating]) -> float | None:
    """ln(D^3 / v_peak^2 * integral of |jerk|^2 dt) of a path (n, k); None for fewer than four points or no movement.

    With steps of dt all powers of dt cancel. The negative of it is the LDLJ of Balasubramanian et al. (2015).
    """
    if len(path) < 4:
        return None
    steps = np.diff(path.astype(np.float64), axis=0)
    fastest = float(np.max(np.sum(steps**2, axis=1)))
    shaken = float(np.sum(np.diff(steps, n=2, axis=0) ** 2))
    if fastest <= (STILL * float(np.abs(path).max())) ** 2 or shaken <= 0:
        return None
    measured = float(np.log(len(steps) ** 3 * shaken / fastest))
    return measured if np.isfinite(measured) else None


def _moves(episode: Episode) -> dict[str, NDArray[np.float64]]:
    """The vectors at the T actions."""
    return {name: values[: episode.length] for name, values in vectors(episode).items()}


def _change(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """How far (n, k) goes from each row to the next, (n - 1,)."""
    return np.asarray(np.linalg.norm(np.diff(values.astype(np.float64), axis=0), axis=1))


def _exceeds(
    change: NDArray[np.float64], share: float, values: NDArray[np.floating]
) -> NDArray[np.bool_]:
    """Where a feature moves faster than `share` of its usual speed.

    The usual speed, sum v^2 / sum v, is the one at which the average piece of the path is covered: rests do not lower it.
    """
    total = float(change.sum())
    usual = float(np.sum(change**2)) / total if total > 0 else 0.0
    largest = float(np.abs(values).max(initial=0.0))
    return change > max(share * usual, STILL * largest)


def _dropped(episode: Episode, sensed: Mapping[str, NDArray[np.float64]]) -> int:
    moving = np.zeros(max(episode.length - 1, 0), np.bool_)
    path = sensed.get(STATE)
    for values in sensed.values() if path is None else (path,):
        moving |= _exceeds(_change(values), FAST, values)
    fast = np.flatnonzero(moving).tolist()
    return max(
        (
            sum(np.array_equal(frames[t], frames[t + 1]) for t in fast)
            for frames in cameras(episode).values()
        ),
        default=0,
    )


def _short(value: float) -> float:
    return float(f"{value:.5g}")
