"""Scenes of random play: what grounding learns from."""

from __future__ import annotations

import numpy as np

from practice.embodiments.interface import ShowsScenes
from practice.embodiments.language_table.embodiment import LanguageTable
from practice.embodiments.language_table.presets import CAMERA, LANGUAGE_TABLE_4, STATE
from practice.embodiments.language_table.things import HALF


def test_scenes_follow_from_the_seed_and_say_where_things_are() -> None:
    robot = LanguageTable(LANGUAGE_TABLE_4)
    assert isinstance(robot, ShowsScenes)
    one, same = robot.scenes(48, seed=3), robot.scenes(48, seed=3)
    other = robot.scenes(48, seed=4)
    assert len(one) == 48
    assert set(one.observation) == {CAMERA, STATE}
    np.testing.assert_array_equal(one.observation[CAMERA], same.observation[CAMERA])
    np.testing.assert_array_equal(one.landmarks, same.landmarks)
    assert not np.array_equal(one.landmarks, other.landmarks)
    things = one.landmarks[:, 4:].reshape(48, 4, 2)
    assert np.abs(things).max() < HALF.max() + 0.05
    # Subject and goal of "push X to Y" are two of the things.
    for place in (one.landmarks[:, :2], one.landmarks[:, 2:4]):
        gap = np.linalg.norm(things - place[:, None], axis=2).min(axis=1)
        assert gap.max() < 1e-6


def test_things_get_pushed_about() -> None:
    one = LanguageTable(LANGUAGE_TABLE_4).scenes(400, seed=0)
    things = one.landmarks[:, 4:].reshape(400, 4, 2)
    reach = np.linalg.norm(things - one.observation[STATE][:, None], axis=2).min(axis=1)
    # At a start the pusher keeps clear of everything; at play it touches.
    assert (reach < 0.035).mean() > 0.1
    assert (one.before[CAMERA] != one.observation[CAMERA]).any(axis=(1, 2, 3)).mean() > 0.5


def test_sentences_of_people_are_learned_as_well_where_they_make_sense() -> None:
    one = LanguageTable(LANGUAGE_TABLE_4).scenes(
        32, seed=0, instructions=("push the red moon to the top left of the table", "make coffee")
    )
    assert "push the red moon to the top left of the table" in one.instructions
    assert "make coffee" not in one.instructions
