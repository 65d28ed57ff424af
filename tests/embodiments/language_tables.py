"""What tests of the table share: small fleets and where their things are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from practice.embodiments.interface import Observation
from practice.embodiments.language_table.embodiment import LanguageTable
from practice.embodiments.language_table.fleet import LanguageTableFleet
from practice.embodiments.language_table.presets import LANGUAGE_TABLE_4, TRUTH, Table


def all_robots(count: int) -> NDArray[np.int64]:
    return np.arange(count, dtype=np.int64)


def seeds(count: int, first: int = 0) -> NDArray[np.uint64]:
    return np.arange(first, first + count, dtype=np.uint64)


def started(
    count: int, texts: Sequence[str] | None = None, table: Table = LANGUAGE_TABLE_4, first: int = 0
) -> tuple[LanguageTableFleet, Observation]:
    """A fleet at its start; without texts, robot i has the i-th default instruction."""
    robot = LanguageTable(table)
    known = robot.spec.instructions
    fleet = LanguageTableFleet(table, count)
    chosen = texts or [known[i * 7 % len(known)] for i in range(count)]
    return fleet, fleet.reset(all_robots(count), seeds(count, first), chosen)


def places(observation: Observation, table: Table = LANGUAGE_TABLE_4) -> NDArray[Any]:
    """Centres of the things as observed, (R, n, 2)."""
    count = len(table.things)
    truth = observation[TRUTH][:, : 3 * count]
    centres: NDArray[Any] = truth.reshape(-1, count, 3)[..., :2]
    return centres


def moved_to(
    fleet: LanguageTableFleet, robot: int, thing: int, where: tuple[float, float]
) -> dict[str, Any]:
    """The fleet's state with one thing elsewhere."""
    state = fleet.state()
    at = 1 + 2 + 3 * thing
    state["physics"][robot, at : at + 2] = where
    return state
