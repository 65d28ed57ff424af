"""Goals and when they are reached: the families of the public LanguageTable.

- Block2Block: the subject's centre within 0.05 m of the reference's (the public definition).
- Block2Absolute: the subject's centre near one of nine places of the table. The public radii, 0.115 m
  and 0.10 m for the middle, are scaled to this smaller table (0.40 m wide instead of 0.61 m).
- Block2Relative: the subject beside the reference, e.g. left of it: within 0.04 m of the line from half
  to 1.1 times the offset of 0.08 m (0.04 m per axis on diagonals), while the reference has not
  been dragged more than 0.05 m (the public definition).
- Separate: two things that stood together have their centres 0.10 m apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from practice.embodiments.language_table.things import BLOCK_REACH

Points = NDArray[np.float64]
Rows = NDArray[np.int64]


class Family(IntEnum):
    """What kind of thing is asked for."""

    BLOCK_TO_BLOCK = 0
    BLOCK_TO_ABSOLUTE = 1
    BLOCK_TO_RELATIVE = 2
    SEPARATE = 3


BLOCK_DISTANCE = 0.05
RELATIVE_DISTANCE = 0.04
RELATIVE_DRAG = 0.05
SEPARATE_DISTANCE = 0.10
PLACE_RADIUS = 0.075
MIDDLE_RADIUS = 0.065

_ROWS = {"top": 1, "middle": 0, "bottom": -1}
_COLUMNS = {"left": -1, "middle": 0, "right": 1}
PLACES: dict[str, tuple[float, float]] = {
    "middle"
    if row == column == "middle"
    else " ".join(w for w in (row, column) if w != "middle"): (
        _COLUMNS[column] * float(BLOCK_REACH[0]),
        _ROWS[row] * float(BLOCK_REACH[1]),
    )
    for row in _ROWS
    for column in _COLUMNS
}
"""Name, e.g. "top left", -> where on the table, metres."""

DIRECTIONS: dict[str, tuple[float, float]] = {
    "left": (-0.08, 0.0),
    "right": (0.08, 0.0),
    "above": (0.0, 0.08),
    "below": (0.0, -0.08),
    "above left": (-0.04, 0.04),
    "above right": (0.04, 0.04),
    "below left": (-0.04, -0.04),
    "below right": (0.04, -0.04),
}
"""Where the subject belongs as seen from the reference, metres."""


@dataclass(frozen=True, slots=True)
class Goal:
    """One goal, by the names of things."""

    family: Family
    subject: str
    reference: str | None = None
    where: str | None = None
    """A name of PLACES or of DIRECTIONS."""


class Goals:
    """The goals of R robots as arrays, and what they say about positions."""

    def __init__(self, names: Sequence[str], num_robots: int) -> None:
        """`names` of the n things in the simulator's order. Everybody starts without a goal."""
        self._index = {name: i for i, name in enumerate(names)}
        self.family = np.zeros(num_robots, dtype=np.int64)
        self.subject = np.zeros(num_robots, dtype=np.int64)
        self.reference = np.full(num_robots, -1, dtype=np.int64)
        self.offset = np.zeros((num_robots, 2))
        """From the reference, or from the table's middle where there is none."""

        self.radius = np.zeros(num_robots)
        self.anchor = np.zeros((num_robots, 2))
        """Where the reference stood at the start."""

    def assign(self, robot: int, goal: Goal, positions: NDArray[np.float64]) -> None:
        """Give one robot a goal; positions (n, 2) are its start."""
        family = goal.family
        self.family[robot] = family
        self.subject[robot] = self._index[goal.subject]
        reference = -1 if goal.reference is None else self._index[goal.reference]
        self.reference[robot] = reference
        self.offset[robot] = offset_of(goal)
        self.radius[robot] = radius_of(goal)
        self.anchor[robot] = positions[reference] if reference >= 0 else 0.0

    def target(self, robots: Rows, positions: Points) -> Points:
        """Where the subject belongs, or for Separate where it must get away from, (k, 2), for these
        robots (k,) and their things' positions (k, n, 2).
        """
        reference = self.reference[robots]
        at = positions[np.arange(len(robots)), reference]
        return np.where((reference >= 0)[:, None], at, 0.0) + self.offset[robots]

    def reached(self, robots: Rows, positions: Points) -> NDArray[np.bool_]:
        """Whether each of these robots' goal is reached now, (k,)."""
        here = np.arange(len(robots))
        family, radius = self.family[robots], self.radius[robots]
        away = positions[here, self.subject[robots]] - self.target(robots, positions)
        relative = family == Family.BLOCK_TO_RELATIVE
        if relative.any():
            away[relative] = _from_line(away[relative], self.offset[robots[relative]])
        distance = np.hypot(away[:, 0], away[:, 1])
        done = np.where(family == Family.SEPARATE, distance > radius, distance < radius)
        moved = positions[here, self.reference[robots]] - self.anchor[robots]
        dragged = np.hypot(moved[:, 0], moved[:, 1]) > RELATIVE_DRAG
        return np.asarray(done & ~(relative & dragged))

    def drawing(self, robots: Rows, positions: Points) -> Points:
        """What a picture shows of the goal, (k, 5): subject and reference by index (-1: none), the
        place, and its radius, negative where the subject must get out of it.
        """
        radius = self.radius[robots]
        radius = np.where(self.family[robots] == Family.SEPARATE, -radius, radius)
        who = (self.subject[robots], self.reference[robots])
        return np.column_stack((*who, self.target(robots, positions), radius)).astype(np.float64)

    def state(self) -> dict[str, Any]:
        """Everything, as arrays."""
        return {name: getattr(self, name).copy() for name in _ARRAYS}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Take over `state()`."""
        for name in _ARRAYS:
            setattr(self, name, np.array(state[name]))


_ARRAYS = ("family", "subject", "reference", "offset", "radius", "anchor")


def _from_line(away: Points, offset: Points) -> Points:
    """From the nearest point of the line 0.5 to 1.1 offsets long, where `away` is from its end."""
    beyond = away + offset
    share = np.einsum("rd,rd->r", beyond, offset) / np.einsum("rd,rd->r", offset, offset)
    return np.asarray(beyond - np.clip(share, 0.5, 1.1)[:, None] * offset)


def offset_of(goal: Goal) -> tuple[float, float]:
    """See `Goals.offset`."""
    if goal.where is None:
        return (0.0, 0.0)
    return (PLACES if goal.family == Family.BLOCK_TO_ABSOLUTE else DIRECTIONS)[goal.where]


def radius_of(goal: Goal) -> float:
    """How close the subject must come, or for Separate how far apart, metres."""
    if goal.family == Family.BLOCK_TO_ABSOLUTE:
        return MIDDLE_RADIUS if goal.where == "middle" else PLACE_RADIUS
    return {
        Family.BLOCK_TO_BLOCK: BLOCK_DISTANCE,
        Family.BLOCK_TO_RELATIVE: RELATIVE_DISTANCE,
        Family.SEPARATE: SEPARATE_DISTANCE,
    }[goal.family]
