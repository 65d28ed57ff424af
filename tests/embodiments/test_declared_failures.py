"""Declared robots whose simulator goes wrong now and then: one bad episode is no bad run."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytest

from models_store.errors import LearningError
from practice.embodiments.declaration import Declaration
from practice.embodiments.declared_fleet import DeclaredFleet
from tests.embodiments.frail_reach import LAST, FrailReach, frail, within

STATE = "observation.state"
RIGHT = np.array([[0.1, 0.0]], np.float32)
WAYS = pytest.mark.parametrize(
    ("how", "words"),
    [
        ("raises", "the simulator raised ZeroDivisionError: no friction in seed 5"),
        ("is not finite", "the simulator gave an observation.state that is not finite"),
    ],
)


def made(robots: int = 1, *, others: Any = (), **kwargs: Any) -> DeclaredFleet:
    return DeclaredFleet(Declaration.from_json(frail(**kwargs) | dict(others)), robots)


def begin(fleet: DeclaredFleet, *seeds: int) -> Any:
    everybody = np.arange(fleet.num_robots)
    return fleet.reset(everybody, np.array(seeds, np.uint64), ["go left"] * len(seeds))


def walk(fleet: DeclaredFleet, ticks: int) -> list[list[list[float]]]:
    """Where everybody is after each of so many ticks to the right."""
    action = RIGHT.repeat(fleet.num_robots, axis=0)
    return [fleet.step(action).observation[STATE].tolist() for _ in range(ticks)]


@WAYS
def test_an_episode_that_goes_wrong_stands_still_and_the_next_one_is_as_ever(
    how: str, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    fleet, sound = made(2, how=how), made(2)
    begin(fleet, 5, LAST)
    begin(sound, 5, LAST)
    with caplog.at_level(logging.WARNING):
        met = walk(fleet, 6)
    expected = walk(sound, 6)
    assert [rows[0] for rows in met] == [expected[min(tick, 1)][0] for tick in range(6)]
    assert [rows[1] for rows in met] == [rows[1] for rows in expected]
    (line,) = caplog.messages
    assert line.startswith("tiny-reach: the episode of seed 5 stands still from step 3 on")
    assert words in line
    before = FrailReach.made
    begin(fleet, LAST + 1, LAST + 2)
    begin(sound, LAST + 1, LAST + 2)
    assert FrailReach.made == before + 1, "only what failed is made anew"
    assert walk(fleet, 4) == walk(sound, 4)


@WAYS
def test_an_episode_that_went_wrong_does_so_again_after_a_pause(how: str, words: str) -> None:
    del words
    fleet, other = made(2, how=how), made(2, how=how)
    begin(fleet, 5, LAST)
    walk(fleet, 5)
    state = fleet.state()
    assert state["steps"].tolist() == [3, 5]
    for _ in range(12):  # a pause is no failure more
        other.load_state(state)
    assert all(np.array_equal(state[name], other.state()[name]) for name in state)
    assert walk(other, 2) == walk(fleet, 2)
    begin(other, LAST + 1, LAST + 2)
    begin(fleet, LAST + 1, LAST + 2)
    assert walk(other, 2) == walk(fleet, 2)


def test_ten_bad_episodes_in_a_row_are_no_accident() -> None:
    fleet = made(how="raises")
    for seed in (*range(9), LAST, *range(9)):
        begin(fleet, seed)
        walk(fleet, 4)
    begin(fleet, 77)
    with pytest.raises(LearningError) as caught:
        walk(fleet, 4)
    assert str(caught.value) == (
        "tiny-reach: the simulator raised ZeroDivisionError: no friction in seed 77 in the last of 10 "
        "failed episodes in a row; correct 'tests.embodiments.frail_reach:FrailReach' or its "
        "kwargs, and see `manage.py check_embodiment tiny-reach`."
    )
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_what_fails_in_the_first_step_of_every_robot_is_broken() -> None:
    fleet = made(2, how="raises", when=1)
    begin(fleet, 5, LAST)
    walk(fleet, 1)
    fleet = made(2, how="raises", when=1)
    begin(fleet, 5, 6)
    fleet.step_rows(np.array([0]), RIGHT)
    with pytest.raises(LearningError, match="in the first step of every robot"):
        fleet.step_rows(np.array([1]), RIGHT)


def test_an_episode_that_failed_in_its_first_step_goes_on_after_a_pause() -> None:
    fleet, other = made(how="raises", when=1), made(how="raises", when=1)
    begin(fleet, LAST)
    walk(fleet, 1)
    begin(fleet, 5)
    walk(fleet, 1)
    other.load_state(fleet.state())
    assert walk(other, 2) == walk(fleet, 2)


def test_a_start_that_goes_wrong_is_tried_again_in_a_new_environment() -> None:
    fleet = made(how="wears out", when=0)
    first = begin(fleet, 5)[STATE]
    before = FrailReach.made
    assert np.array_equal(begin(fleet, 5)[STATE], first)
    assert FrailReach.made == before + 1


@WAYS
def test_a_start_that_goes_wrong_twice_ends_the_run(how: str, words: str) -> None:
    with pytest.raises(LearningError, match=f"{words} at the start of seed 5, and again"):
        begin(made(how=how, when=0), 5)


def test_a_fault_of_the_declaration_is_told_at_once() -> None:
    fleet = made(others={"success_key": "solved"})
    begin(fleet, LAST)
    with pytest.raises(LearningError, match=r"^tiny-reach: the environment's info has no 'solved'"):
        walk(fleet, 1)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_bounds_are_those_of_the_box_in_its_own_numbers(dtype: str) -> None:
    fleet = made(box=(-0.1, 0.1, dtype), others=within([-0.1, -0.1], [0.1, 0.1]))
    begin(fleet, LAST)
    FrailReach.acted.clear()
    fleet.step(np.array([[-0.1, 0.1]], np.float32))  # which the environment itself checks
    (action,) = FrailReach.acted
    assert action.dtype == dtype
    with pytest.raises(LearningError, match="reach past what the environment accepts"):
        made(box=(-0.1, 0.1, dtype), others=within([-0.1, -0.101], [0.1, 0.1]))


def test_actions_are_rounded_to_within() -> None:
    fleet = made(box=(0, 3, "uint8"), others=within([0, 0], [3, 3]))
    begin(fleet, LAST)
    FrailReach.acted.clear()
    fleet.step(np.array([[0.9, 2.4]], np.float32))
    fleet.step(np.array([[-0.2, 300.0]], np.float32))
    assert [action.tolist() for action in FrailReach.acted] == [[1, 2], [0, 3]]
    with pytest.raises(LearningError, match="reach past what the environment accepts"):
        made(box=(0, 3, "uint8"), others=within([-0.5, 0], [3, 3]))
