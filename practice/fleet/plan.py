"""What a fleet is asked to do, and what it tells its caller after each tick."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from models_store.instructions import Instructions
from practice.embodiments.interface import Observation
from practice.embodiments.spec import EmbodimentSpec
from practice.episodes.types import Episode
from practice.fleet.book import Endings, Rules


@dataclass(frozen=True, slots=True)
class Moment:
    """What happened to the k robots that moved in one tick."""

    robots: NDArray[np.int64]
    """(k,)"""

    observation: Observation
    """Before the action: name -> (k, ...)"""

    sampled: NDArray[np.float32]
    """(k, A) as the driver chose, before limits."""

    instructions: Instructions
    """(k,)"""

    distance_before: NDArray[np.float32] | None
    """(k,) d(o_t, g)"""

    distance: NDArray[np.float32] | None
    """(k,) d(o_{t+1}, g)"""

    ended: NDArray[np.bool_]
    """(k,)"""

    endings: Endings
    """Of the episodes that ended."""

    episodes: list[Episode]
    """The same as objects, when the fleet was asked to collect them."""

    seen: NDArray[np.float32] | None
    """(k, F) what the policy acted upon, where judge and policy share their looks."""


@dataclass(frozen=True, slots=True)
class FleetPlan:
    """What the fleet is to do, apart from who drives."""

    num_robots: int
    rules: Rules
    seed: int
    instructions: tuple[str, ...]
    limits: Mapping[str, float] = field(default_factory=dict)
    first_seed: int | None = None
    episodes: int | None = None
    """Stop starting episodes after this many; None for no end."""

    collect: bool = True
    """Whether to hand out `Episode` objects."""

    trace: bool = False
    """Whether to keep whole running episodes even when none are handed out."""

    previous: tuple[str, ...] = ()
    """Features whose value one step earlier is given to driver and judge too, as
    `"<name>.previous"`; at an episode's first step it equals the current value.
    """

    processes: int = 0
    """Worker processes that simulate; 0: this process. Results never depend on it."""

    groups: int = 1
    """In how many parts a tick is done, so that the policy answers for one part while another is
    simulated. Noise is drawn part by part, so a fleet in two parts repeats itself exactly, with
    any number of processes, but draws other actions than a fleet in one.
    """


_MOST, _ROBOTS = 8, 64


def groups_for(spec: EmbodimentSpec, num_robots: int) -> int:
    """Parts of a tick that suit a fleet; never a matter of the machine, for numbers depend on it.

    Pictures take long enough to draw for the policy to answer meanwhile. Parts come in pairs, for
    two cores to think about; large fleets have more, each a batch worth its questions.
    """
    pairs = max(num_robots // (2 * _ROBOTS), 1)
    return min(2 * pairs, _MOST, num_robots) if spec.cameras else 1
