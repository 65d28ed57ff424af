"""The loop on a toy robot whose every number can be worked out by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from models_store.errors import LearningError
from models_store.instructions import Instructions
from practice.embodiments.interface import Observation, Transition
from practice.embodiments.point_mass import PointMass
from practice.episodes.types import Episode
from practice.fleet.book import Endings, Rules
from practice.fleet.drivers import Verdict
from practice.fleet.loop import Fleet
from practice.fleet.plan import FleetPlan
from practice.fleet.tick import Tick

NAME = "observation.state"


class Walker:
    """Each robot starts `seed % 5 + 2` steps from its goal and walks by its action, at most 1."""

    spec = PointMass.spec

    def __init__(self, num_robots: int = 1) -> None:
        self.num_robots = num_robots
        self.left = np.zeros(num_robots, dtype=np.float32)

    def make_fleet(self, num_robots: int) -> Walker:
        return Walker(num_robots)

    def action_limits(self, limits: Mapping[str, float]) -> tuple[NDArray[Any], NDArray[Any]]:
        return np.array([-1.0], dtype=np.float32), np.array([1.0], dtype=np.float32)

    def reset(
        self, robots: NDArray[np.int64], seeds: NDArray[np.uint64], instructions: Sequence[str]
    ) -> Observation:
        self.left[robots] = (seeds % np.uint64(5)).astype(np.float32) + 2
        return {NAME: self.left[robots, None]}

    def step(self, action: NDArray[Any]) -> Transition:
        return self.step_rows(np.arange(self.num_robots), action)

    def step_rows(self, robots: NDArray[np.int64], action: NDArray[Any]) -> Transition:
        self.left[robots] -= action[:, 0]
        left = self.left[robots]
        return Transition({NAME: left[:, None]}, left <= 0)

    def state(self) -> dict[str, Any]:
        return {"left": self.left.copy()}

    def load_state(self, state: Mapping[str, Any]) -> None:
        self.left = np.array(state["left"])

    def render(self, observation: Observation, *, size: int) -> NDArray[np.uint8]:
        raise NotImplementedError

    def demonstrator(self, num_robots: int) -> Any:
        raise NotImplementedError

    def check_instruction(self, text: str) -> None:
        pass

    def keep_demonstration(self, length: int, success: bool) -> bool:
        return success


class Steady:
    """Always the same action, and a memory of which rows it was asked for."""

    def __init__(self, action: float) -> None:
        self.action, self.rows = action, 0

    def begin(
        self, robots: NDArray[np.int64], seeds: NDArray[np.uint64], instructions: Sequence[str]
    ) -> None:
        pass

    def act(
        self, observation: Observation, instructions: Instructions, robots: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        assert len(instructions) == len(robots) == len(observation[NAME])
        self.rows += len(robots)
        return np.full((len(robots), 1), self.action, dtype=np.float32)


class Honest:
    """A judge that knows the distance, plus a constant error; one call per tick."""

    bin_centres = np.zeros(4, dtype=np.float32)

    def __init__(self, error: float = 0.0) -> None:
        self.error, self.calls = error, 0

    def __call__(
        self, observation: Observation, instructions: Instructions, *, details: bool
    ) -> Verdict:
        self.calls += 1
        distance = np.maximum(observation[NAME][:, 0], 0.0).astype(np.float32) + self.error
        assert len(instructions) == len(distance)
        return Verdict(distance, 0 * distance + 2, np.tile(distance[:, None], 4))


class Listener:
    """Keeps every tick."""

    def __init__(self) -> None:
        self.ticks: list[Tick] = []

    def on_tick(self, tick: Tick) -> None:
        self.ticks.append(tick)


def fleet(
    *,
    robots: int = 4,
    action: float = 1.0,
    error: float = 0.0,
    rules: Rules | None = None,
    sinks: tuple[Listener, ...] = (),
    **plan: Any,
) -> Fleet:
    made = FleetPlan(
        num_robots=robots,
        rules=rules or Rules(20, 0.5, "success"),
        seed=3,
        instructions=("go", "run"),
        **plan,
    )
    judge: Any = Honest(error)
    return Fleet(Walker(), made, Steady(action), judge, sinks=sinks)


def run(made: Fleet) -> list[Episode]:
    done: list[Episode] = []
    while not made.finished:
        done += made.tick().episodes
    return done


def test_exactly_the_planned_episodes_are_run_each_once_with_its_own_seed() -> None:
    made = fleet(first_seed=100, episodes=11)
    done = run(made)
    assert sorted(episode.seed for episode in done) == list(range(100, 111))
    assert len({episode.uid for episode in done}) == 11
    for episode in done:
        assert episode.length == episode.seed % 5 + 2
        assert episode.observation[NAME][:, 0].tolist() == list(range(episode.length, -1, -1))
        assert episode.distance is not None
        assert episode.distance.tolist() == episode.observation[NAME][:, 0].tolist()
        assert (episode.ended_by, episode.true_success) == ("success", True)
        assert episode.detector_success is True
        assert episode.instruction == ("go", "run")[episode.seed % 2]
    assert made.env_steps == sum(episode.length for episode in done)


def test_robots_that_wait_cost_no_forward() -> None:
    made = fleet(first_seed=0, episodes=4)
    run(made)
    assert isinstance(made.driver, Steady)
    assert made.driver.rows == made.env_steps == 2 + 3 + 4 + 5


def test_one_forward_of_the_judge_per_tick_even_when_episodes_begin() -> None:
    made = fleet()
    for _ in range(30):
        made.tick()
    judge: Any = made._judge
    assert judge.calls == 30


def test_distance_before_and_after_belong_together_across_restarts() -> None:
    made = fleet(error=0.25)
    for _ in range(40):
        moment = made.tick()
        assert moment.distance is not None
        assert moment.distance_before is not None
        np.testing.assert_allclose(moment.distance_before, moment.observation[NAME][:, 0] + 0.25)
        np.testing.assert_allclose(moment.distance_before - moment.distance, 1.0)


def test_the_task_limit_cuts_what_is_sent_but_not_what_was_sampled() -> None:
    made = fleet(action=5.0, first_seed=0, episodes=4)
    moment = made.tick()
    assert moment.sampled.tolist() == [[5.0]] * 4
    assert all(episode.action.max() == 1.0 for episode in run(made))


def test_the_horizon_ends_what_nothing_else_ends() -> None:
    done = run(fleet(action=0.0, rules=Rules(6, 0.5, "success"), episodes=5))
    assert [episode.length for episode in done] == [6] * 5
    assert {episode.ended_by for episode in done} == {"horizon"}
    assert {episode.true_success for episode in done} == {False}


def test_a_detector_that_fires_too_early_ends_episodes_and_is_found_out() -> None:
    made = fleet(error=-1.0, rules=Rules(20, 0.5, "detector"), episodes=6)
    ended = []
    while not made.finished:
        moment = made.tick()
        ended.append(moment.endings)
        for episode in moment.episodes:
            assert episode.ended_by == "detector"
            assert episode.detector_success is True
            assert episode.true_success is False
            assert episode.observation[NAME][-1, 0] == 1.0
    joined = Endings.join(ended)
    assert len(joined) == 6
    assert np.array_equal(joined.fired_step, joined.steps)
    assert not joined.fired_true.any()


def test_the_detector_must_hold() -> None:
    rules = Rules(20, 2.5, "detector", detector_hold=3)
    for episode in run(fleet(rules=rules, first_seed=3, episodes=1)):
        assert episode.length == 5, "5 left at the start; done at 2, 1 and 0 left"


def test_sinks_hear_every_tick_of_all_robots_and_change_nothing() -> None:
    listener = Listener()
    watched, alone = fleet(sinks=(listener,), episodes=9), fleet(episodes=9)
    for a, b in zip(run(watched), run(alone), strict=True):
        assert a.uid == b.uid
        assert np.array_equal(a.observation[NAME], b.observation[NAME])
    assert sum(int(tick.active.sum()) for tick in listener.ticks) == watched.env_steps
    assert sum(int(tick.ended.sum()) for tick in listener.ticks) == 9
    for tick in listener.ticks:
        assert tick.observation[NAME].shape == (4, 1)
        assert tick.probs is not None
        assert tick.probs.shape == (4, 4)
        assert len(tick.uid) == len(tick.instructions) == 4
        # What a sink holds is a snapshot: later ticks must not rewrite it.
        assert tick.distance is not None
        active = tick.active
        np.testing.assert_allclose(tick.distance[active], tick.observation[NAME][active, 0])


def test_state_and_load_state_go_on_exactly() -> None:
    a, b = fleet(episodes=40), fleet(episodes=40)
    for _ in range(7):
        a.tick()
    b.load_state(a.state())
    left, right = run(a), run(b)
    assert [e.uid for e in left] == [e.uid for e in right]
    for one, two in zip(left, right, strict=True):
        assert np.array_equal(one.observation[NAME], two.observation[NAME])
        assert one.distance is not None
        assert two.distance is not None
        assert np.array_equal(one.distance, two.distance)
    assert a.env_steps == b.env_steps


def test_a_task_that_lost_instructions_is_named_on_resuming() -> None:
    made = fleet()
    made.tick()
    lost = made.state() | {"instruction": np.full(len(made.instruction), 99)}
    with pytest.raises(LearningError, match="give the task its instructions back"):
        made.load_state(lost)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_robot_is_never_sent_what_is_not_finite(value: float) -> None:
    """And the policy is named for it, not the learning rate."""
    made = fleet(action=value, groups=2)
    sent: list[Any] = []
    made._sim.begin = lambda *words: sent.append(words)  # type: ignore[method-assign]
    with pytest.raises(LearningError, match=f"The policy sampled {value} as a value of an action"):
        made.tick()
    assert not sent


def test_a_detector_needs_a_judge() -> None:
    plan = FleetPlan(num_robots=1, rules=Rules(5, 1.0, "detector"), seed=0, instructions=("go",))
    with pytest.raises(LearningError, match="reward checkpoint"):
        Fleet(Walker(), plan, Steady(1.0), None)
