"""PointMass2D against its published definition."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models_store.errors import LearningError
from practice.embodiments.gym_env import register_environments
from practice.embodiments.point_mass import GOAL_RANGE, STATE, PointMass
from practice.embodiments.registry import embodiment, embodiments
from practice.embodiments.seeds import derive, uniforms
from practice.embodiments.spec import EmbodimentSpec, is_camera
from practice.fleet.demonstrations import make_demonstrations


def all_robots(count: int) -> np.ndarray:
    return np.arange(count, dtype=np.int64)


def texts(count: int) -> list[str]:
    return ["go to the ring"] * count


def seeds(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.uint64)


@settings(max_examples=50)
@given(st.lists(st.tuples(st.floats(-1e-3, 1e-3), st.floats(-1e-3, 1e-3)), min_size=1, max_size=20))
def test_the_closed_form_equals_ten_substeps(actions: list[tuple[float, float]]) -> None:
    fleet = PointMass().make_fleet(1)
    start = fleet.reset(all_robots(1), seeds(7), texts(1))[STATE][0]
    position, velocity = fleet.state()["position"][0].copy(), np.zeros(2)
    for action in actions:
        transition = fleet.step(np.array([action]))
        for _ in range(10):
            velocity = velocity + np.array(action)
            position = position + velocity
        state = fleet.state()
        np.testing.assert_allclose(state["position"][0], position, atol=1e-13)
        np.testing.assert_allclose(state["velocity"][0], velocity, atol=1e-15)
        assert transition.success is not None
        goal = state["goal"][0]
        assert bool(transition.success[0]) == bool(np.linalg.norm(position - goal) < 0.15)
    assert start[2:4].tolist() == [0.0, 0.0]


def test_starts_follow_from_the_seed_alone_and_fill_the_box() -> None:
    fleet = PointMass().make_fleet(2_000)
    numbers = derive(1, all_robots(2_000))
    first = fleet.reset(all_robots(2_000), numbers, texts(2_000))[STATE]
    turned = fleet.reset(all_robots(2_000)[::-1].copy(), numbers, texts(2_000))[STATE]
    assert np.array_equal(first, turned)
    assert np.abs(first[:, :2]).max() <= 1.0
    assert np.abs(first[:, :2]).max() > 0.99
    assert 0.94 < np.abs(first[:, 4:]).max() <= GOAL_RANGE
    assert np.abs(first.mean(axis=0)).max() < 0.05
    assert len(np.unique(first[:, 0])) == 2_000


def test_uniforms_are_uniform_and_independent_of_the_company() -> None:
    drawn = uniforms(np.arange(20_000, dtype=np.uint64), 3)
    assert 0.0 <= drawn.min() < drawn.max() < 1.0
    assert np.abs(drawn.mean(axis=0) - 0.5).max() < 0.01
    assert np.abs(np.corrcoef(drawn.T) - np.eye(3)).max() < 0.03
    assert np.array_equal(uniforms(seeds(5), 3)[0], drawn[5])


def test_state_and_load_state_go_on_exactly() -> None:
    rng = np.random.default_rng(0)
    fleet, other = PointMass().make_fleet(5), PointMass().make_fleet(5)
    fleet.reset(all_robots(5), seeds(*range(5)), texts(5))
    fleet.step(rng.normal(size=(5, 2)) * 1e-4)
    other.load_state(fleet.state())
    action = rng.normal(size=(5, 2)) * 1e-4
    a, b = fleet.step(action), other.step(action)
    assert np.array_equal(a.observation[STATE], b.observation[STATE])


def test_returned_observations_are_never_changed_later() -> None:
    fleet = PointMass().make_fleet(3)
    fleet.reset(all_robots(3), seeds(1, 2, 3), texts(3))
    seen = fleet.step(np.full((3, 2), 1e-4)).observation[STATE]
    before = seen.copy()
    fleet.step(np.full((3, 2), 1e-4))
    fleet.reset(all_robots(3), seeds(4, 5, 6), texts(3))
    assert np.array_equal(seen, before)


def test_demonstrations_arrive_are_long_enough_and_repeat() -> None:
    robot = PointMass()
    made = make_demonstrations(robot, 200, seed=3)
    again = make_demonstrations(robot, 60, seed=3)
    other = make_demonstrations(robot, 60, seed=4)
    assert len(made) == 200
    for episode in made:
        final = episode.observation[STATE][-1]
        assert np.linalg.norm(final[:2] - final[4:]) < 0.15 + 1e-6
        assert 10 <= episode.length <= 140
        assert episode.observation[STATE].shape == (episode.length + 1, 6)
        assert episode.true_success is True
        assert episode.ended_by == "success"
        assert episode.distance is None
    assert all(np.array_equal(a.action, b.action) for a, b in zip(made, again, strict=False))
    assert not {e.seed for e in made} & {e.seed for e in other}
    # Five detours: far longer than the straight way, which takes the same controller 13 steps.
    assert 60 < np.mean([episode.length for episode in made]) < 95


def test_recorded_actions_lead_to_the_recorded_observations() -> None:
    episode = make_demonstrations(PointMass(), 1, seed=9)[0]
    fleet = PointMass().make_fleet(1)
    fleet.reset(all_robots(1), seeds(episode.seed), texts(1))
    for t in range(episode.length):
        seen = fleet.step(episode.action[t][None]).observation[STATE][0]
        assert np.array_equal(seen, episode.observation[STATE][t + 1])


def test_limits_are_checked_and_named() -> None:
    robot = PointMass()
    low, high = robot.action_limits({"max_acceleration": 2e-4})
    assert high.tolist() == pytest.approx([2e-4, 2e-4])
    assert np.array_equal(low, -high)
    with pytest.raises(LearningError, match=r"max_speed.*max_acceleration"):
        robot.action_limits({"max_speed": 1.0})
    with pytest.raises(LearningError, match="must lie between"):
        robot.action_limits({"max_acceleration": 1.0})


def test_the_registry_knows_its_robots_and_names_them() -> None:
    assert "point-mass" in [spec.id for spec in embodiments()]
    with pytest.raises(LearningError, match=r"'octopus'.*point-mass"):
        embodiment("octopus")


@pytest.mark.parametrize("spec", embodiments(), ids=lambda spec: spec.id)
def test_every_embodiment_keeps_its_own_word(spec: EmbodimentSpec) -> None:
    """A new embodiment is held to its spec by this test without a line of its own."""
    robot = embodiment(spec.id)
    fleet = robot.make_fleet(3)
    first = fleet.reset(all_robots(3), seeds(1, 2, 3), [spec.instructions[0]] * 3)
    low, high = robot.action_limits({})
    assert np.all(low >= np.array(robot.spec.action.low, dtype=np.float32))
    assert np.all(high <= np.array(robot.spec.action.high, dtype=np.float32))
    transition = fleet.step(np.zeros((3, *robot.spec.action.shape), dtype=np.float32))
    for observation in (first, transition.observation):
        assert set(observation) == set(robot.spec.observation)
        for name, feature in robot.spec.observation.items():
            assert observation[name].shape == (3, *feature.shape)
            assert observation[name].dtype == feature.dtype
            assert len(feature.names) == (
                len(feature.shape) if is_camera(name) else feature.shape[0]
            )
    assert (transition.success is not None) == robot.spec.knows_success
    row = {name: values[0] for name, values in first.items()}
    for size in (24, 96, 160):
        picture = robot.render(row, size=size)
        assert picture.shape == (size, size, 3)
        assert picture.dtype == np.uint8
        assert np.array_equal(picture, robot.render(row, size=size))


def draw(x: float, y: float, goal_x: float, goal_y: float) -> np.ndarray:
    state = np.array([x, y, 0.0, 0.0, goal_x, goal_y], dtype=np.float32)
    return PointMass().render({STATE: state}, size=128).astype(int)


def test_the_picture_shows_robot_and_goal_where_they_are() -> None:
    picture = draw(0.5, 0.5, -0.5, -0.5)
    bright = np.argwhere(picture.min(axis=2) > 220)
    assert len(bright) > 10
    middle = bright.mean(axis=0)  # row, column; y points up
    assert middle.tolist() == pytest.approx([0.64 / 2.28 * 128, 1.64 / 2.28 * 128], abs=1.0)
    green = np.argwhere((picture[..., 1] - picture[..., 0] > 80) & (picture[..., 1] > 150))
    assert green.mean(axis=0).tolist() == pytest.approx(
        [1.64 / 2.28 * 128, 0.64 / 2.28 * 128], abs=1.0
    )
    # The ring is drawn at the success radius.
    assert np.ptp(green[:, 0]) == pytest.approx(2 * 0.15 / 2.28 * 128, abs=2.5)


@given(st.lists(st.floats(-9, 9), min_size=6, max_size=6))
def test_any_state_can_be_drawn(values: list[float]) -> None:
    state = np.array(values, dtype=np.float32)
    assert PointMass().render({STATE: state}, size=96).shape == (96, 96, 3)


def test_gymnasium_gives_the_same_dynamics_and_says_success() -> None:
    register_environments()
    register_environments()
    env = gymnasium.make("efm/PointMass-v0", render_mode="rgb_array")
    seen, info = env.reset(seed=11)
    assert info == {"is_success": False}
    fleet = PointMass().make_fleet(1)
    assert np.array_equal(seen, fleet.reset(all_robots(1), seeds(11), texts(1))[STATE][0])
    rng, done, steps = np.random.default_rng(0), False, 0
    while not done:
        action = rng.normal(size=2).astype(np.float32) * 2e-4
        seen, reward, terminated, truncated, info = env.step(action)
        expected = fleet.step(action[None])
        assert np.array_equal(seen, expected.observation[STATE][0])
        assert expected.success is not None
        assert info["is_success"] == terminated == bool(expected.success[0]) == (reward == 1.0)
        done, steps = terminated or truncated, steps + 1
    assert steps <= 140
    assert np.asarray(env.render()).shape == (160, 160, 3)
