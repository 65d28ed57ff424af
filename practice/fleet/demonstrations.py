"""Demonstrations by an embodiment's own expert, through the same loop as everything else."""

from __future__ import annotations

from collections.abc import Sequence

from models_store.errors import LearningError
from practice.embodiments.interface import Embodiment
from practice.episodes.types import Episode
from practice.fleet.book import Rules
from practice.fleet.drivers import DemonstratorDriver
from practice.fleet.loop import Fleet
from practice.fleet.plan import FleetPlan

_FLEET = 2_000
"""Robots at once: enough to make vectors long, few enough to stay in the cache."""

_TRIES = 50


def make_demonstrations(
    embodiment: Embodiment,
    count: int,
    *,
    seed: int = 0,
    instructions: Sequence[str] = (),
) -> list[Episode]:
    """`count` fit demonstrations, in the order of their seeds; the same seed gives the same ones.

    Raises:
        LearningError: the count is not positive, or the expert fails too often.
    """
    if count < 1:
        raise LearningError(f"Asked for {count} demonstrations; ask for 1 or more.")
    texts = tuple(instructions) or embodiment.spec.instructions
    kept: list[Episode] = []
    attempted = 0
    while len(kept) < count:
        robots = min(_FLEET, count - len(kept) + 16)
        tried = _attempts(embodiment, robots, seed, attempted, texts)
        attempted += robots
        kept += [e for e in tried if embodiment.keep_demonstration(e.length, bool(e.true_success))]
        if attempted > _TRIES * count + 1_000:
            raise LearningError(
                f"The expert of {embodiment.spec.id} made only {len(kept)} good demonstrations "
                f"in {attempted} attempts."
            )
    return kept[:count]


def _attempts(
    embodiment: Embodiment, robots: int, seed: int, first: int, texts: tuple[str, ...]
) -> list[Episode]:
    """One episode for each of `robots` robots, in the order of their seeds."""
    plan = FleetPlan(
        num_robots=robots,
        rules=Rules(embodiment.spec.horizon, threshold=0.0, terminate_on="success"),
        seed=seed,
        first_seed=(seed % 2**31) * 2**31 + first,
        instructions=texts,
        episodes=robots,
    )
    fleet = Fleet(embodiment, plan, DemonstratorDriver(embodiment.demonstrator(robots)))
    done: list[Episode] = []
    while not fleet.finished:
        done += fleet.tick().episodes
    return sorted(done, key=lambda episode: episode.seed)
