"""Goals: what success is, how goals are said, and that starts leave a way to them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models_store.errors import LearningError
from practice.embodiments.language_table.embodiment import LanguageTable
from practice.embodiments.language_table.goals import (
    DIRECTIONS,
    PLACES,
    Family,
    Goal,
    Goals,
    radius_of,
)
from practice.embodiments.language_table.presets import (
    BANANA_TABLE,
    BANANA_TABLE_BLOCKS,
    LANGUAGE_TABLE,
    LANGUAGE_TABLE_4,
    TABLES,
    Table,
    spec_of,
)
from practice.embodiments.language_table.starts import FAR_BLOCK, ROOM, START_REACH, draw_start
from practice.embodiments.language_table.things import EIGHT, FOUR, PUSHER_RADIUS, THE_BANANA, Thing
from practice.embodiments.language_table.words import FAMILIES, all_goals, phrasings, read_goal
from tests.embodiments.language_tables import moved_to, places, started

SETS = {"four": FOUR, "eight": EIGHT, "banana": (THE_BANANA,), "all": (*FOUR, THE_BANANA)}
ONE = np.zeros(1, dtype=np.int64)


def judge(goal: Goal, start: list[tuple[float, float]], now: list[tuple[float, float]]) -> bool:
    goals = Goals([thing.name for thing in FOUR], 1)
    goals.assign(0, goal, np.array(start))
    return bool(goals.reached(ONE, np.array([now]))[0])


FAR = [(-0.15, 0.1), (0.15, 0.1), (-0.15, -0.1), (0.15, -0.1)]


def at(index: int, where: tuple[float, float]) -> list[tuple[float, float]]:
    return [where if i == index else spot for i, spot in enumerate(FAR)]


def test_block_to_block_means_closer_than_five_centimetres() -> None:
    goal = Goal(Family.BLOCK_TO_BLOCK, "red moon", "blue cube")
    assert judge(goal, FAR, at(0, (0.101, 0.1)))
    assert not judge(goal, FAR, at(0, (0.099, 0.1)))
    assert not judge(goal, FAR, at(2, (0.12, 0.1)))  # another block does not count


@pytest.mark.parametrize("place", PLACES)
def test_a_place_of_the_table_has_its_radius(place: str) -> None:
    goal = Goal(Family.BLOCK_TO_ABSOLUTE, "green star", where=place)
    x, y = PLACES[place]
    radius = radius_of(goal)
    assert radius == (0.065 if place == "middle" else 0.075)
    assert judge(goal, FAR, at(2, (x + 0.99 * radius, y)))
    assert not judge(goal, FAR, at(2, (x + 1.01 * radius, y)))


@pytest.mark.parametrize("where", DIRECTIONS)
def test_beside_means_along_a_line_from_the_reference(where: str) -> None:
    goal = Goal(Family.BLOCK_TO_RELATIVE, "red moon", "blue cube", where)
    anchor, offset = np.array(FAR[1]), np.array(DIRECTIONS[where])
    beside = np.array([-offset[1], offset[0]]) / np.linalg.norm(offset)

    def spot(along: float, aside: float) -> tuple[float, float]:
        x, y = anchor + along * offset + aside * beside
        return float(x), float(y)

    assert judge(goal, FAR, at(0, spot(0.8, 0.039)))
    assert not judge(goal, FAR, at(0, spot(0.8, 0.041)))
    length = float(np.linalg.norm(offset))
    assert judge(goal, FAR, at(0, spot(1.1 + 0.039 / length, 0.0)))
    assert not judge(goal, FAR, at(0, spot(1.1 + 0.041 / length, 0.0)))
    assert not judge(goal, FAR, at(0, spot(-0.8, 0.0)))  # the other side
    # Dragging the reference along is no way to get there.
    dragged = at(0, spot(0.8, 0.0))
    shift = np.array([0.051, 0.0])
    both = [tuple(np.array(p) + shift) if i < 2 else p for i, p in enumerate(dragged)]
    assert not judge(goal, FAR, both)


def test_separate_means_ten_centimetres_apart() -> None:
    goal = Goal(Family.SEPARATE, "red moon", "blue cube")
    joined = at(0, (0.10, 0.1))
    assert not judge(goal, joined, joined)
    assert not judge(goal, joined, at(0, (0.051, 0.1)))
    assert judge(goal, joined, at(0, (0.049, 0.1)))


def test_the_simulator_says_success_when_the_goal_is_reached() -> None:
    fleet, first = started(2, ["push the red moon to the blue cube"] * 2)
    x, y = places(first)[1, 1].tolist()
    fleet.load_state(moved_to(fleet, 1, 0, (x - 0.045 * np.sign(x), y)))
    transition = fleet.step(np.zeros((2, 2)))
    assert transition.success is not None
    assert transition.success.tolist() == [False, True]


@pytest.mark.parametrize("things", SETS.values(), ids=SETS.keys())
def test_every_phrasing_is_read_as_its_goal(things: tuple[Thing, ...]) -> None:
    for goal in all_goals(things):
        for text in phrasings(goal):
            assert read_goal(text, things) == goal, text
            assert read_goal(text.upper() + ".", things) == goal


def test_every_text_means_one_goal_and_goals_have_many_texts() -> None:
    texts = [text for goal in all_goals(EIGHT) for text in phrasings(goal)]
    assert len(set(texts)) == len(texts)
    assert all(len(phrasings(goal)) >= 4 for goal in all_goals(EIGHT))
    assert {goal.family for goal in all_goals(EIGHT)} == set(FAMILIES)


@pytest.mark.parametrize(
    ("text", "goal"),
    [
        ("put the star by the moon", Goal(Family.BLOCK_TO_BLOCK, "green star", "red moon")),
        ("red block up to the blue one", Goal(Family.BLOCK_TO_BLOCK, "red moon", "blue cube")),
        (
            "Please slide the crescent left of the blue block!",
            Goal(Family.BLOCK_TO_RELATIVE, "red moon", "blue cube", "left"),
        ),
        (
            "push the red moon block to the upper left corner of the table",
            Goal(Family.BLOCK_TO_ABSOLUTE, "red moon", where="top left"),
        ),
        ("move the cube up", Goal(Family.BLOCK_TO_ABSOLUTE, "blue cube", where="top")),
        ("take the cube away from the star", Goal(Family.SEPARATE, "blue cube", "green star")),
    ],
)
def test_people_may_say_it_their_way(text: str, goal: Goal) -> None:
    assert LanguageTable(LANGUAGE_TABLE_4).goal(text) == goal


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "names nothing"),
        ("push the purple moon to the star", "'purple'"),
        ("push the red star to the blue cube", "no red star"),
        ("push the moon", "no place"),
        ("juggle the moon and the star", "'juggle'"),
        ("push the moon to the moon", "twice"),
        ("push the moon to the star and the cube", "more than two"),
        ("push the moon to the left right of the star", "contradict"),
        ("push the banana to the star", "no banana"),
    ],
)
def test_what_cannot_be_understood_is_said_with_an_example(text: str, why: str) -> None:
    robot = LanguageTable(LANGUAGE_TABLE_4)
    with pytest.raises(LearningError) as refused:
        robot.check_instruction(text)
    message = str(refused.value)
    assert why in message
    assert repr(text) in message
    example = message.split('Try "')[1].split('"', maxsplit=1)[0]
    robot.check_instruction(example)


def test_a_name_that_fits_two_things_is_refused() -> None:
    with pytest.raises(LearningError, match="may mean the red moon or the blue moon"):
        read_goal("push the moon to the green star", EIGHT)


@settings(max_examples=200)
@given(st.text(max_size=60))
def test_any_text_is_understood_or_refused(text: str) -> None:
    try:
        goal = read_goal(text, FOUR)
    except LearningError:
        return
    assert goal in all_goals(FOUR)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.id)
def test_default_instructions_are_understood(table: Table) -> None:
    robot = LanguageTable(table)
    assert len(robot.spec.instructions) >= 90
    for text in robot.spec.instructions:
        robot.check_instruction(text)


def test_default_instructions_cover_every_pair_and_the_banana_its_places() -> None:
    four = {LanguageTable(LANGUAGE_TABLE_4).goal(t) for t in spec_of(LANGUAGE_TABLE_4).instructions}
    assert four == set(all_goals(FOUR, (Family.BLOCK_TO_BLOCK,)))
    for table in (BANANA_TABLE, BANANA_TABLE_BLOCKS):
        goals = {LanguageTable(table).goal(text) for text in spec_of(table).instructions}
        assert goals == {Goal(Family.BLOCK_TO_ABSOLUTE, "banana", where=p) for p in PLACES}
    assert "push the banana to the top left of the table" in spec_of(BANANA_TABLE).instructions


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
@pytest.mark.parametrize("things", [FOUR, EIGHT, (*FOUR, THE_BANANA)], ids=["4", "8", "banana"])
def test_starts_are_separated_unsolved_and_within_reach(
    things: tuple[Thing, ...], family: Family
) -> None:
    goals = all_goals(things, (family,))
    names = [thing.name for thing in things]
    radii = np.array([thing.shape.radius for thing in things])
    for seed in range(40):
        goal = goals[seed * 7 % len(goals)]
        start = draw_start(things, goal, seed)
        centres = start.poses[:, :2]
        assert (np.abs(centres) <= START_REACH + 1e-12).all()
        gaps = np.linalg.norm(centres[:, None] - centres, axis=2) - radii[:, None] - radii
        joined = {goal.subject, goal.reference} if family == Family.SEPARATE else set()
        for i, j in zip(*np.triu_indices(len(names), 1), strict=True):
            assert gaps[i, j] > (0.0 if {names[i], names[j]} == joined else ROOM)
        from_pusher = np.linalg.norm(centres - start.pusher, axis=1) - radii - PUSHER_RADIUS
        assert from_pusher.min() > ROOM - 1e-9
        tracker = Goals(names, 1)
        tracker.assign(0, goal, centres)
        assert not tracker.reached(ONE, centres[None])[0]
        if family == Family.BLOCK_TO_BLOCK:
            x, y = names.index(goal.subject), names.index(str(goal.reference))
            assert np.linalg.norm(centres[x] - centres[y]) > FAR_BLOCK


def test_starts_differ_and_fill_the_table() -> None:
    goal = Goal(Family.BLOCK_TO_BLOCK, "red moon", "red pentagon")
    poses = np.array([draw_start(LANGUAGE_TABLE.things, goal, seed).poses for seed in range(200)])
    assert len(np.unique(poses[:, 0, 0])) == 200
    assert np.abs(poses[..., 0]).max() > 0.9 * START_REACH[0]
    assert np.abs(poses[..., :2].mean(axis=(0, 1))).max() < 0.02
    assert np.abs(poses[..., 2]).max() > 3.0
    again = draw_start(LANGUAGE_TABLE.things, goal, 7)
    assert np.array_equal(again.poses, poses[7])
