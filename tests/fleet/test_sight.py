"""Where policy and judge see alike every observation is looked at once, and no number changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from models_store.checkpoint import EFMCheckpoint
from models_store.compact import CompactEFM
from models_store.compact_spec import CompactSpec
from models_store.efm import EFM
from models_store.instructions import Instructions
from models_store.normalisation import Moments, Normalisation
from models_store.spec import ModelSpec
from models_store.state_file import load_tree, save_tree
from practice.embodiments.interface import Embodiment
from practice.embodiments.registry import embodiment
from practice.fleet.book import Rules
from practice.fleet.drivers import Judge, PolicyDriver
from practice.fleet.loop import Fleet
from practice.fleet.plan import FleetPlan, Moment
from practice.fleet.pool import end_idle_workers
from practice.fleet.sight import Sight
from tests.learning.picture_world import CAMERA, STATE, Dots


def checkpoint(robot: Embodiment, seed: int = 0) -> EFMCheckpoint:
    """An untrained model of a robot with a camera."""
    spec = robot.spec
    camera = spec.cameras[0]
    height, width, colours = spec.observation[camera].shape
    model = CompactSpec(
        cameras={camera: (height, width, colours)},
        observation={STATE: 2},
        previous=(camera,),
        action_low=spec.action.low,
        action_high=spec.action.high,
        queries=4,
        channels=(4, 8, 8),
        policy_hidden=(16,),
        distance_hidden=(16,),
    )
    return EFMCheckpoint.new(model, plain(), seed=seed)


def plain() -> Normalisation:
    unit = Moments((0.0,) * 2, (1.0,) * 2)
    return Normalisation({STATE: unit}, unit)


def fleet(
    robot: Embodiment,
    policy: EFMCheckpoint | None = None,
    reward: EFMCheckpoint | None = None,
    *,
    judged: bool = True,
    **plan: Any,
) -> Fleet:
    policy = policy or checkpoint(robot)
    rules = Rules(4, threshold=29.0, terminate_on="detector", detector_hold=2)
    made = FleetPlan(
        num_robots=7,
        rules=rules if judged else Rules(4, threshold=0.0, terminate_on="success"),
        seed=3,
        instructions=robot.spec.instructions[:2],
        previous=robot.spec.cameras,
        **{"groups": 3, "collect": False, "trace": True} | plan,
    )
    driver = PolicyDriver(policy.build(), torch.Generator().manual_seed(1))
    judge = Judge((reward or policy).build()) if judged else None
    return Fleet(robot, made, driver, judge)


def run(made: Fleet, ticks: int) -> list[Moment]:
    moments = [made.tick() for _ in range(ticks)]
    made.close()
    return moments


def check_same(one: list[Moment], two: list[Moment], tolerance: float) -> None:
    assert len(one) == len(two) > 0
    assert sum(len(moment.endings) for moment in one) > 0
    for a, b in zip(one, two, strict=True):
        assert np.array_equal(a.robots, b.robots)
        assert np.array_equal(a.ended, b.ended)
        for name in ("sampled", "distance", "distance_before"):
            left, right = getattr(a, name), getattr(b, name)
            assert (left is None) == (right is None)
            if left is not None:
                np.testing.assert_allclose(left, right, rtol=tolerance, atol=tolerance)


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[EFM, int]]:
    """Every look: by which model, at how many rows."""
    looks: list[tuple[EFM, int]] = []
    look = CompactEFM.look

    def spying(
        self: CompactEFM, observation: Mapping[str, Tensor], instructions: Instructions
    ) -> Tensor:
        looks.append((self, len(instructions)))
        return look(self, observation, instructions)

    monkeypatch.setattr(CompactEFM, "look", spying)
    return looks


@pytest.fixture(scope="module", autouse=True)
def _no_idle_workers_stay() -> Iterator[None]:
    yield
    end_idle_workers()


@pytest.mark.parametrize("groups", [1, 3])
def test_every_observation_is_looked_at_once(groups: int, looked: list[tuple[EFM, int]]) -> None:
    made = fleet(Dots(), groups=groups)
    run(made, 10)
    begun = made.book.started - int(made.book.fresh.sum())
    assert begun > made.plan.num_robots
    assert sum(rows for _, rows in looked) == made.env_steps + begun


def test_the_same_numbers_as_with_two_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    one = run(fleet(Dots()), 10)
    monkeypatch.setattr(CompactEFM, "looks_like", lambda *_: False)
    two = run(fleet(Dots()), 10)
    assert all(moment.seen is None for moment in two)
    check_same(one, two, 1e-4)


def test_what_a_moment_has_seen_is_what_its_pictures_show() -> None:
    made = fleet(Dots())
    model = made.driver.model  # type: ignore[attr-defined]
    for moment in run(made, 6):
        with torch.inference_mode():
            shown = {name: torch.from_numpy(rows) for name, rows in moment.observation.items()}
            seen = model.look(shown, moment.instructions).numpy()
        assert moment.seen is not None
        np.testing.assert_allclose(moment.seen, seen, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("groups", [1, 3])
def test_looking_ahead_without_a_judge_changes_no_number(
    groups: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def whole(made: Fleet) -> list[Moment]:
        moments = []
        while not made.finished:
            moments.append(made.tick())
        return moments

    # The last episodes are run by the first robots; whole parts of the fleet are idle by then.
    plan: dict[str, Any] = {"judged": False, "episodes": 9, "trace": False, "groups": groups}
    one = whole(fleet(Dots(), **plan))
    monkeypatch.setattr(
        "practice.fleet.loop.make_sight",
        lambda driver, judge, mind, **_: Sight(driver, judge, mind),
    )
    two = whole(fleet(Dots(), **plan))
    assert all(moment.seen is None for moment in two)
    assert one[-1].robots.max() < 3
    check_same(one, two, 1e-4)


def test_no_part_waits_for_the_look_at_a_later_one(
    looked: list[tuple[EFM, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = fleet(Dots(), judged=False)
    made.tick()
    assert not made.book.fresh.any()
    looked.clear()
    looks_before: list[int] = []
    begin = made._sim.begin

    def noted(robots: NDArray[np.int64], action: NDArray[Any]) -> None:
        looks_before.append(len(looked))
        begin(robots, action)

    monkeypatch.setattr(made._sim, "begin", noted)
    made.tick()
    assert looks_before == [1, 2, 3]


@pytest.mark.parametrize("judged", [True, False])
def test_going_on_changes_no_bit(judged: bool, tmp_path: Path) -> None:
    straight, broken = fleet(Dots(), judged=judged), fleet(Dots(), judged=judged)
    for _ in range(9):
        one, two = straight.tick(), broken.tick()
        check_bits(one, two)
        save_tree(tmp_path / "state", {"fleet": broken.state()})
        noise = broken.driver.generator  # type: ignore[attr-defined]
        broken = fleet(Dots(), judged=judged)
        broken.load_state(load_tree(tmp_path / "state")["fleet"])
        broken.driver.generator.set_state(noise.get_state())  # type: ignore[attr-defined]
    assert straight.trace is not None
    assert broken.trace is not None
    assert straight.trace.seen is not None
    assert broken.trace.seen is not None
    assert np.array_equal(straight.trace.seen, broken.trace.seen)


@pytest.mark.parametrize("judged", [True, False])
def test_processes_change_no_bit(judged: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("practice.fleet.loop.available_cores", lambda: 2)
    robot = embodiment("language-table-4")
    alone, together = (run(fleet(robot, judged=judged, processes=count), 6) for count in (0, 2))
    for one, two in zip(alone, together, strict=True):
        check_bits(one, two)


def check_bits(one: Moment, two: Moment) -> None:
    for name in ("robots", "sampled", "distance", "distance_before", "ended", "seen"):
        assert np.array_equal(getattr(one, name), getattr(two, name)), name


def test_models_that_see_differently_look_for_themselves(looked: list[tuple[EFM, int]]) -> None:
    robot = Dots()
    made = fleet(robot, checkpoint(robot, 0), checkpoint(robot, 1))
    moments = run(made, 5)
    assert all(moment.seen is None for moment in moments)
    begun = made.book.started - int(made.book.fresh.sum())
    judge: Any = made._judge
    rows = {id(model): 0 for model, _ in looked}
    for model, count in looked:
        rows[id(model)] += count
    assert rows == {
        id(made.driver.model): made.env_steps,  # type: ignore[attr-defined]
        id(judge.model): made.env_steps + begun,
    }


def test_perceptrons_on_states_have_nothing_to_share() -> None:
    blind = EFMCheckpoint.new(ModelSpec({STATE: 2}, 2), plain(), seed=0)
    assert all(moment.seen is None for moment in run(fleet(Dots(), blind), 2))


def test_pictures_are_kept_only_for_whole_episodes() -> None:
    lean, full = fleet(Dots()), fleet(Dots(), collect=True)
    run(lean, 6)
    episodes = [episode for moment in run(full, 6) for episode in moment.episodes]
    assert lean.trace is not None
    assert full.trace is not None
    assert lean.trace.observation == {}
    assert CAMERA in full.trace.observation
    assert lean.trace.seen is not None
    assert full.trace.seen is not None
    assert np.array_equal(lean.trace.seen, full.trace.seen)
    assert episodes
    assert all(set(episode.observation) == set(Dots.spec.observation) for episode in episodes)
