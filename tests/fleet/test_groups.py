"""Ticks in parts, previous observations, lingering after success: on the toy robot of test_loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from models_store.instructions import Instructions
from practice.embodiments.interface import Observation
from practice.fleet.book import Endings, Rules
from practice.fleet.drivers import Verdict
from practice.fleet.loop import Fleet
from practice.fleet.plan import FleetPlan
from practice.learning.collecting import collect_episodes, collect_window
from tests.fleet.test_loop import NAME, Honest, Listener, Steady, Walker, fleet, run

BEFORE = f"{NAME}.previous"


@pytest.mark.parametrize("groups", [2, 3, 4, 9])
def test_a_tick_in_parts_is_the_same_tick(groups: int) -> None:
    whole, parts = fleet(episodes=23), fleet(episodes=23, groups=groups)
    for a, b in zip(run(whole), run(parts), strict=True):
        assert a.uid == b.uid
        assert np.array_equal(a.observation[NAME], b.observation[NAME])
        assert a.distance is not None
        assert b.distance is not None
        assert np.array_equal(a.distance, b.distance)
    assert whole.env_steps == parts.env_steps


def test_every_part_is_asked_about_before_the_first_has_moved() -> None:
    order: list[str] = []
    made = fleet(robots=6, groups=3)
    driver, sim = cast(Any, made.driver), cast(Any, made._sim)

    def noted(name: str, do: Callable[..., Any]) -> Callable[..., Any]:
        def also(*words: Any) -> Any:
            order.append(name)
            return do(*words)

        return also

    driver.act, sim.finish = noted("act", driver.act), noted("finish", sim.finish)
    made.tick()
    assert order == ["act"] * 3 + ["finish"] * 3


def test_sinks_hear_one_tick_whatever_the_parts() -> None:
    one, many = Listener(), Listener()
    run(fleet(sinks=(one,), episodes=9))
    run(fleet(sinks=(many,), episodes=9, groups=3))
    for a, b in zip(one.ticks, many.ticks, strict=True):
        assert np.array_equal(a.observation[NAME], b.observation[NAME])
        assert np.array_equal(a.action, b.action)
        assert np.array_equal(a.active, b.active)


class Remembering(Steady):
    """Sees what it is given, the previous value included."""

    def __init__(self, action: float) -> None:
        super().__init__(action)
        self.seen: list[Observation] = []

    def act(
        self, observation: Observation, instructions: Instructions, robots: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        self.seen.append(observation)
        return super().act(observation, instructions, robots)


class RememberingJudge(Honest):
    """The same for a judge."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Observation] = []

    def __call__(
        self, observation: Observation, instructions: Instructions, *, details: bool
    ) -> Verdict:
        self.seen.append(observation)
        return super().__call__(observation, instructions, details=details)


def remembering(groups: int, **plan: Any) -> Fleet:
    made = FleetPlan(
        num_robots=4,
        rules=Rules(20, 0.5, "success"),
        seed=3,
        instructions=("go",),
        previous=(NAME,),
        groups=groups,
        **plan,
    )
    judge: Any = RememberingJudge()
    return Fleet(Walker(), made, Remembering(1.0), judge)


@pytest.mark.parametrize("groups", [1, 2])
def test_driver_and_judge_see_the_step_before(groups: int) -> None:
    made = remembering(groups, first_seed=0, episodes=12)
    episodes = run(made)
    driver, judge = cast(Remembering, made.driver), cast(RememberingJudge, made._judge)
    moving = [o[BEFORE][:, 0] - o[NAME][:, 0] for o in driver.seen]
    # Every step walks 1; a first step has its own value before it.
    starts = sum(int((step == 0).sum()) for step in moving)
    assert starts == 12
    assert all(set(step.tolist()) <= {0.0, 1.0} for step in moving)
    judged = np.concatenate([o[BEFORE][:, 0] - o[NAME][:, 0] for o in judge.seen])
    assert int((judged == 0).sum()) == 12
    assert int((judged == 1).sum()) == made.env_steps
    assert all(list(episode.observation) == [NAME] for episode in episodes)


def test_a_resumed_fleet_remembers_the_step_before() -> None:
    one, two = remembering(2), remembering(2)
    for _ in range(3):
        one.tick()
    two.load_state(one.state())
    for _ in range(4):
        a, b = one.tick().observation, two.tick().observation
        assert np.array_equal(a[NAME], b[NAME])
        assert np.array_equal(a[BEFORE], b[BEFORE])


def test_both_ways_of_collecting_hand_over_the_step_before() -> None:
    by_episode = collect_episodes(remembering(2, trace=True), 40, 0.9, 1, "cpu").batch.observation
    by_window = collect_window(remembering(2), 12, 0.9, 1, "cpu").batch.observation
    for seen in (by_episode, by_window):
        moved = (seen[BEFORE] - seen[NAME])[:, 0]
        assert set(moved.tolist()) == {0.0, 1.0}
    # Whole episodes, one after the other: what was before is the row above.
    same = by_episode[BEFORE][1:] == by_episode[NAME][:-1]
    first = by_episode[BEFORE] == by_episode[NAME]
    assert bool((same | first[1:]).all())


def test_an_episode_lingers_after_success_and_says_when_it_was() -> None:
    done = run(fleet(rules=Rules(20, 0.5, "success", linger=3), first_seed=0, episodes=5))
    for episode in done:
        arrival = episode.seed % 5 + 2
        assert episode.success_step == arrival
        assert episode.length == arrival + 3
        assert episode.observation[NAME][arrival, 0] == 0.0
        assert (episode.ended_by, episode.true_success) == ("success", True)


def test_the_horizon_cuts_lingering_but_not_the_success() -> None:
    done = run(fleet(rules=Rules(6, 0.5, "success", linger=9), first_seed=4, episodes=1))
    assert [(e.length, e.success_step, e.ended_by) for e in done] == [(6, 6, "success")]
    short = run(fleet(rules=Rules(6, 0.5, "success", linger=9), first_seed=1, episodes=1))
    assert [(e.length, e.success_step, e.ended_by) for e in short] == [(6, 3, "success")]


def test_without_success_there_is_no_success_step() -> None:
    made = fleet(action=0.0, rules=Rules(6, 0.5, "success", linger=2), episodes=3)
    endings: list[Endings] = []
    while not made.finished:
        moment = made.tick()
        endings.append(moment.endings)
        assert {episode.success_step for episode in moment.episodes} <= {None}
    assert len(Endings.join(endings)) == 3
