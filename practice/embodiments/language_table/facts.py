"""What can be said about a table, and when it holds: positions alone decide.

Every fact has a band between yes and no in which nobody says either, so that people would agree with
what is said. Lengths are metres.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations, permutations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from practice.embodiments.language_table.goals import DIRECTIONS, PLACES

Places = NDArray[np.float64]
"""(N, n, 2): where the n things of N tables are."""

_ASIDE = (0.03, 0.0)
"""So far to a side is beside it; less than the second is not."""

_SLANT = 0.8
"""How much of the way to a side may go across it."""

_DIAGONAL = (0.025, -0.01)
_NEAR = (0.075, 0.11)
_FAR = (0.16, 0.12)
_NEARER = 0.02
_TOGETHER = (0.10, 0.14)
_EDGE = {"left": (0.10, 0.04), "right": (0.10, 0.04), "top": (0.065, 0.02), "bottom": (0.065, 0.02)}
"""From the middle, for a yes and for a no."""

_CORNER = ((0.08, 0.05), 0.0)
_MIDDLE = ((0.05, 0.035), (0.09, 0.07))
_HALF = 0.012
"""Things closer to the middle line than this are in neither half."""

AXES = {"left": (-1.0, 0.0), "right": (1.0, 0.0), "top": (0.0, 1.0), "bottom": (0.0, -1.0)}
"""Which way each word points."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that can be said."""

    kind: str
    """side, diagonal, near, far, nearer, edge, corner, middle, half or together."""

    things: tuple[int, ...] = ()
    """Whom it is about, in the order of the table's things."""

    where: str = ""
    """A name of DIRECTIONS or PLACES, or a word of AXES."""

    count: int = 0
    """How many, where things are counted."""

    def verdict(self, places: Places) -> NDArray[np.int8]:
        """(N,): 1 where it holds, -1 where it does not, 0 where nobody should say."""
        return _JUDGES[self.kind](self, places)


def all_facts(things: int) -> tuple[Fact, ...]:
    """Everything that can be said of so many things."""
    pairs, alone = list(permutations(range(things), 2)), range(things)
    straight = [name for name in DIRECTIONS if " " not in name]
    slanted = [name for name in DIRECTIONS if " " in name]
    edges = [name for name in PLACES if name in AXES]
    corners = [name for name in PLACES if " " in name]
    return (
        *(Fact("side", pair, where) for pair in pairs for where in straight),
        *(Fact("diagonal", pair, where) for pair in pairs for where in slanted),
        *(Fact(kind, pair) for pair in pairs for kind in ("near", "far")),
        *(Fact("nearer", three) for three in permutations(alone, 3)),
        *(Fact("edge", (one,), where) for one in alone for where in edges),
        *(Fact("corner", (one,), where) for one in alone for where in corners),
        *(Fact("middle", (one,), "middle") for one in alone),
        *(Fact("half", (), where, count) for count in range(1, things + 1) for where in AXES),
        *(Fact("together", three) for three in combinations(alone, 3)),
    )


def _told(yes: ArrayLike, no: ArrayLike) -> NDArray[np.int8]:
    """From what surely holds and what surely does not, (N,) bool each."""
    assert not np.any(np.logical_and(yes, no))
    return np.asarray(yes, dtype=np.int8) - np.asarray(no, dtype=np.int8)


def _apart(places: Places, one: int, other: int) -> NDArray[np.float64]:
    return np.asarray(np.linalg.norm(places[:, one] - places[:, other], axis=1))


def _side(fact: Fact, places: Places) -> NDArray[np.int8]:
    away = places[:, fact.things[0]] - places[:, fact.things[1]]
    ahead = np.array(DIRECTIONS[fact.where])
    ahead /= np.linalg.norm(ahead)
    along, across = away @ ahead, np.abs(away @ np.array([-ahead[1], ahead[0]]))
    return _told((along >= _ASIDE[0]) & (across <= _SLANT * along), along <= _ASIDE[1])


def _diagonal(fact: Fact, places: Places) -> NDArray[np.int8]:
    away = places[:, fact.things[0]] - places[:, fact.things[1]]
    least = (away * np.sign(DIRECTIONS[fact.where])).min(axis=1)
    return _told(least >= _DIAGONAL[0], least <= _DIAGONAL[1])


def _near(fact: Fact, places: Places) -> NDArray[np.int8]:
    apart = _apart(places, *fact.things)
    return _told(apart <= _NEAR[0], apart >= _NEAR[1])


def _far(fact: Fact, places: Places) -> NDArray[np.int8]:
    apart = _apart(places, *fact.things)
    return _told(apart >= _FAR[0], apart <= _FAR[1])


def _nearer(fact: Fact, places: Places) -> NDArray[np.int8]:
    """The first rather than the second is near the third."""
    first, second, third = fact.things
    lead = _apart(places, second, third) - _apart(places, first, third)
    return _told(lead >= _NEARER, lead <= -_NEARER)


def _edge(fact: Fact, places: Places) -> NDArray[np.int8]:
    out = places[:, fact.things[0]] @ np.array(AXES[fact.where])
    yes, no = _EDGE[fact.where]
    return _told(out >= yes, out <= no)


def _corner(fact: Fact, places: Places) -> NDArray[np.int8]:
    out = places[:, fact.things[0]] * np.sign(PLACES[fact.where])
    yes, no = _CORNER
    return _told((out >= yes).all(axis=1), (out <= no).any(axis=1))


def _middle(fact: Fact, places: Places) -> NDArray[np.int8]:
    off = np.abs(places[:, fact.things[0]])
    yes, no = _MIDDLE
    return _told((off <= yes).all(axis=1), (off >= no).any(axis=1))


def _half(fact: Fact, places: Places) -> NDArray[np.int8]:
    """Exactly so many things are in this half."""
    out = places @ np.array(AXES[fact.where])
    sure = (np.abs(out) >= _HALF).all(axis=1)
    right = (out > 0).sum(axis=1) == fact.count
    return _told(sure & right, sure & ~right)


def _together(fact: Fact, places: Places) -> NDArray[np.int8]:
    apart = np.stack([_apart(places, a, b) for a, b in combinations(fact.things, 2)])
    return _told((apart <= _TOGETHER[0]).all(axis=0), (apart >= _TOGETHER[1]).any(axis=0))


_JUDGES = {
    "side": _side,
    "diagonal": _diagonal,
    "near": _near,
    "far": _far,
    "nearer": _nearer,
    "edge": _edge,
    "corner": _corner,
    "middle": _middle,
    "half": _half,
    "together": _together,
}
