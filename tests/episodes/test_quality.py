"""Quality of one episode: each measure catches what it should, and not what it should not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from practice.episodes.quality import Quality, clipped, log_jerk, longest_run, quality_of
from practice.episodes.types import Episode

BOUNDS = (np.full(2, -1.0), np.full(2, 1.0))


def lived(
    path: NDArray[np.floating],
    action: NDArray[np.floating] | None = None,
    picture: NDArray[np.uint8] | None = None,
) -> Episode:
    """An episode along `path` (T + 1, n); the action follows it unless given."""
    observation: dict[str, NDArray[np.generic]] = {"observation.state": path.astype(np.float32)}
    if picture is not None:
        observation["observation.images.front"] = picture
    return Episode(
        uid="e0",
        robot=0,
        instruction="go there",
        seed=1,
        observation=dict(observation),
        action=(path[1:, :2] / 2 if action is None else action).astype(np.float32),
        distance=None,
        spread=None,
        ended_by="success",
        detector_success=None,
        true_success=True,
    )


def reach(steps: int = 40, rest: int = 0, width: int = 2) -> NDArray[np.float64]:
    """The smoothest way from 0 to 1 in `steps`, then a rest; (T + 1, width)."""
    t = np.linspace(0, 1, steps + 1)
    way = 10 * t**3 - 15 * t**4 + 6 * t**5
    return np.repeat(np.concatenate([way, np.ones(rest)])[:, None], width, axis=1)


def judged(episode: Episode) -> Quality:
    return quality_of(episode, action_bounds=BOUNDS, fps=10)


def test_a_rest_is_idle_and_found() -> None:
    quality = judged(lived(np.concatenate([reach(), np.ones((20, 2)), 1 + reach()])))
    assert quality.idle_share == pytest.approx(26 / 100, abs=0.08)
    assert 35 <= quality.idle_first <= 42
    assert 60 <= quality.idle_end <= 66
    assert quality.seconds == pytest.approx(10.1)


def test_steady_slow_movement_is_not_idle() -> None:
    slow = np.linspace(0, 1, 501)[:, None] * [1.0, 2.0]
    assert judged(lived(slow)).idle_share == 0


def test_a_toggled_gripper_makes_no_slow_arm_idle() -> None:
    path = np.linspace(0, 1, 201)[:, None] * np.ones(2)
    action = np.stack([np.full(200, 0.01), np.where(np.arange(200) % 50 < 25, -1.0, 1.0)], axis=1)
    assert judged(lived(path, action)).idle_share == 0


def test_trembling_contacts_are_idle() -> None:
    noise = np.random.default_rng(0).normal(0, 1e-6, (41, 2))
    assert judged(lived(np.ones((41, 2)) + noise)).idle_share == 1


def test_a_robot_that_stands_is_idle_unless_its_command_changes() -> None:
    still = np.zeros((11, 2))
    assert judged(lived(still)).idle_share == 1
    assert judged(lived(still)).jerk is None
    pushing = np.linspace(0, 1, 10)[:, None] * np.ones(2)
    assert judged(lived(still, pushing)).idle_share == 0


@given(scale=st.floats(1e-3, 1e3), fps=st.sampled_from([3.0, 10.0, 50.0]))
def test_units_and_rate_change_nothing(scale: float, fps: float) -> None:
    path = np.cumsum(np.random.default_rng(3).normal(size=(60, 2)), axis=0)
    path[20:30] = path[20]
    here = quality_of(lived(path, path[1:]), action_bounds=None, fps=10)
    there = quality_of(lived(path * scale, path[1:] * scale), action_bounds=None, fps=fps)
    assert there.idle_share == here.idle_share
    assert here.jerk is not None
    assert there.jerk == pytest.approx(here.jerk, rel=1e-3)


def test_the_smoothest_reach_has_the_jerk_of_the_books() -> None:
    assert log_jerk(reach(1000, width=1)) == pytest.approx(np.log(720 / 1.875**2), abs=0.02)


def test_halts_and_shakes_cost_smoothness() -> None:
    smooth, halted = log_jerk(reach(100)), log_jerk(np.concatenate([reach(50), 1 + reach(50)]))
    shaken = log_jerk(reach(100) + np.random.default_rng(1).normal(0, 0.003, (101, 2)))
    assert smooth is not None
    assert halted is not None
    assert shaken is not None
    assert smooth < halted < shaken


def test_values_at_a_bound_are_counted() -> None:
    action = np.array([[1.0, 0.1], [0.5, -1.0], [0.2, 0.3], [-1.0, 0.0]])
    assert clipped(action, *BOUNDS) == 3 / 8
    assert clipped(action * 0.99, *BOUNDS) == 0


def test_a_switch_is_not_clipped_but_a_saturated_motor_is() -> None:
    switch = np.array([1.0, -1.0, 1.0, 1.0])
    assert clipped(np.stack([np.zeros(4), switch], axis=1), *BOUNDS) == 0
    assert clipped(np.stack([np.zeros(4), np.ones(4)], axis=1), *BOUNDS) == 0.5


def test_without_bounds_nothing_is_known_of_clipping() -> None:
    endless = np.full(2, np.inf)
    assert clipped(np.ones((4, 2)), -endless, endless) is None
    assert quality_of(lived(reach()), action_bounds=None, fps=10).clipped_share is None


def test_a_frozen_camera_is_seen_only_while_the_robot_moves() -> None:
    seen = np.random.default_rng(2).integers(0, 255, (61, 4, 4, 3), dtype=np.uint8)
    seen[45:] = seen[45]  # after the reach the robot rests
    assert judged(lived(reach(40, rest=20), picture=seen)).dropped == 0
    seen[19:23] = seen[18]
    assert judged(lived(reach(40, rest=20), picture=seen)).dropped == 4


@given(st.lists(st.booleans(), max_size=30))
def test_the_longest_run_is_a_run_and_none_is_longer(flags: list[bool]) -> None:
    first, end = longest_run(np.array(flags, np.bool_))
    assert all(flags[first:end])
    words = "".join("x" if flag else " " for flag in flags).split()
    assert end - first == max(map(len, words), default=0)


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_the_shortest_episodes_have_a_quality(steps: int) -> None:
    quality = judged(lived(np.arange(steps + 1)[:, None] * np.ones(2)))
    assert quality.length == steps
    assert quality.idle_share == 0


def test_it_survives_json() -> None:
    quality = Quality(40, 4.0, 0.25, 3, 13, None, 5.25, 1, 4.5, 17, (0.5, 0.25))
    assert Quality.from_json(quality.to_json()) == quality
    assert quality.to_json()["odd_length"] is True
    plain = judged(lived(reach()))
    assert Quality.from_json(plain.to_json()).duplicate_of is None


def test_numbers_that_are_none_break_nothing() -> None:
    path = reach()
    path[3] = np.nan
    assert judged(lived(path)).jerk is None
