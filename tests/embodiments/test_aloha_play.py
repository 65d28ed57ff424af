"""Posed scenes of the two arms: what grounding learns from."""

from __future__ import annotations

import numpy as np
import pytest

from practice.embodiments.aloha.embodiment import Aloha
from practice.embodiments.aloha.play import _poses
from practice.embodiments.aloha.presets import ALOHA_INSERTION_SMALL, TRUTH
from practice.embodiments.interface import ShowsScenes

pytest.importorskip("gym_aloha", reason="the arms come with the package gym-aloha; install it")


def test_scenes_follow_from_the_seed_and_say_where_things_are() -> None:
    robot = Aloha(ALOHA_INSERTION_SMALL)
    assert isinstance(robot, ShowsScenes)
    one, same = robot.scenes(24, seed=3), robot.scenes(24, seed=3)
    other = robot.scenes(24, seed=4)
    assert set(one.observation) == set(robot.spec.observation) - {TRUTH}
    for name, feature in robot.spec.observation.items():
        if name != TRUTH:
            assert one.observation[name].shape == (24, *feature.shape)
            assert one.observation[name].dtype == feature.dtype
    np.testing.assert_array_equal(
        one.observation["observation.images.wrists"], same.observation["observation.images.wrists"]
    )
    np.testing.assert_array_equal(one.landmarks, same.landmarks)
    assert not np.array_equal(one.landmarks, other.landmarks)
    places = one.landmarks.reshape(24, -1, one.axes)
    # The last place is the second, the peg, as the first, the socket, sees it.
    np.testing.assert_allclose(places[:, 1] - places[:, 0], places[:, -1], atol=1e-6)


def test_things_lie_and_are_held_on_their_own_sides() -> None:
    joints, turned, place = _poses(np.random.default_rng(0), 500)
    lying = place[..., 2] < 0.03
    assert 0.3 < lying.mean() < 0.7
    assert (place[..., 0] * [-1.0, 1.0] > -0.1).all()
    assert np.isfinite(joints).all()
    np.testing.assert_allclose(np.linalg.det(turned), 1.0, atol=1e-6)


def test_any_wording_is_learned_as_well() -> None:
    one = Aloha(ALOHA_INSERTION_SMALL).scenes(2, seed=0, instructions=("in with it",))
    assert one.instructions[-1] == "in with it"
