"""Demonstrations by an embodiment's own expert, through the same loop as everything else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from models_store.errors import LearningError
from practice.embodiments.interface import Demonstrator, Embodiment
from practice.embodiments.spec import EmbodimentSpec
from practice.episodes.types import Episode
from practice.fleet.book import Rules
from practice.fleet.drivers import DemonstratorDriver
from practice.fleet.loop import Fleet
from practice.fleet.plan import FleetPlan, groups_for

_FLEET = 2_000
"""Robots at once: enough to make vectors long, few enough to stay in the cache."""

_FLEET_WITH_PICTURES = 64
"""Robots at once where episodes are large: so many are in memory at a time, and a few more."""

_SPARE = 16
"""More attempts than asked for, so that a few failures cost no second round."""

_WORST = 0.02
"""Of the attempts that are good: no fewer are planned for."""

_TRIES = 50

Experts = Callable[[int], Demonstrator]
"""An expert for so many robots."""


def make_demonstrations(
    embodiment: Embodiment,
    count: int,
    *,
    seed: int = 0,
    instructions: Sequence[str] = (),
    processes: int = 0,
    experts: Experts | None = None,
) -> list[Episode]:
    """`count` fit demonstrations at once; see `iter_demonstrations`."""
    return list(
        iter_demonstrations(
            embodiment,
            count,
            seed=seed,
            instructions=instructions,
            processes=processes,
            experts=experts,
        )
    )


def iter_demonstrations(
    embodiment: Embodiment,
    count: int,
    *,
    seed: int = 0,
    instructions: Sequence[str] = (),
    processes: int = 0,
    experts: Experts | None = None,
) -> Iterator[Episode]:
    """`count` fit demonstrations, in the order of their seeds; the same seed gives the same ones.

    A demonstration goes on for the embodiment's `linger` ticks after success. In memory are only
    those under way, and those that ended before an earlier, slower one. `instructions` are goals to
    choose from, by default the embodiment's own; `processes` as in `FleetPlan`; `experts` makes the
    expert, by default the embodiment's usual one.

    Raises:
        LearningError: the count is not positive, or the expert fails too often.
    """
    if count < 1:
        raise LearningError(f"Asked for {count} demonstrations; ask for 1 or more.")
    texts = tuple(instructions) or embodiment.spec.instructions
    first, kept, attempted = (seed % 2**31) * 2**31, 0, 0
    while kept < count:
        share = max(kept / attempted, _WORST) if attempted else 1.0
        tries = int((count - kept) / share) + _SPARE
        plan = _plan(embodiment.spec, tries, first + attempted, texts, processes)
        attempted += tries
        for episode in _attempts(embodiment, plan, experts or embodiment.demonstrator):
            yield episode
            kept += 1
            if kept == count:
                return
        if attempted > _TRIES * count + 1_000:
            raise LearningError(
                f"The expert of {embodiment.spec.id} made only {kept} good demonstrations "
                f"in {attempted} attempts."
            )


def _plan(
    spec: EmbodimentSpec, tries: int, first_seed: int, texts: tuple[str, ...], processes: int
) -> FleetPlan:
    """Attempts on seeds that count up from `first_seed`."""
    most = _FLEET_WITH_PICTURES if spec.cameras else _FLEET
    robots = min(most, tries)
    return FleetPlan(
        num_robots=robots,
        rules=Rules(spec.horizon, threshold=0.0, terminate_on="success", linger=spec.linger),
        seed=0,
        first_seed=first_seed,
        instructions=texts,
        episodes=tries,
        processes=processes,
        groups=groups_for(spec, robots),
    )


def _attempts(embodiment: Embodiment, plan: FleetPlan, experts: Experts) -> Iterator[Episode]:
    """The good ones of a plan's episodes, in the order of their seeds."""
    fleet = Fleet(embodiment, plan, DemonstratorDriver(experts(plan.num_robots)))
    waiting: dict[int, Episode] = {}
    due = plan.first_seed or 0
    try:
        while not fleet.finished:
            waiting |= {episode.seed: episode for episode in fleet.tick().episodes}
            while due in waiting:
                episode = waiting.pop(due)
                due += 1
                steps = episode.success_step or episode.length
                if embodiment.keep_demonstration(steps, bool(episode.true_success)):
                    yield episode
    finally:
        fleet.close()
