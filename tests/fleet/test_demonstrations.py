"""Demonstrations one by one: in order, repeatable, without keeping them all."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest

from models_store.errors import LearningError
from practice.embodiments.point_mass import STATE, PointMass
from practice.fleet import demonstrations
from practice.fleet.demonstrations import iter_demonstrations, make_demonstrations


def test_they_come_in_the_order_of_their_seeds_whatever_the_fleet(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    at_once = make_demonstrations(PointMass(), 40, seed=5)
    monkeypatch.setattr(demonstrations, "_FLEET", 7)
    few = make_demonstrations(PointMass(), 40, seed=5)
    seeds = [episode.seed for episode in at_once]
    assert seeds == sorted(seeds)
    assert [episode.seed for episode in few] == seeds
    for a, b in zip(at_once, few, strict=True):
        assert np.array_equal(a.observation[STATE], b.observation[STATE])


def test_a_million_can_be_asked_for_and_a_few_taken() -> None:
    few = list(islice(iter_demonstrations(PointMass(), 1_000_000, seed=5), 3))
    assert len(few) == 3
    assert few[0].seed == make_demonstrations(PointMass(), 1, seed=5)[0].seed


def test_an_embodiment_that_lingers_shows_its_arrival() -> None:
    robot = PointMass()
    robot.spec = replace(PointMass.spec, linger=4)
    plain, lingering = make_demonstrations(PointMass(), 5), make_demonstrations(robot, 5)
    for a, b in zip(plain, lingering, strict=True):
        assert (a.seed, a.success_step) == (b.seed, b.success_step)
        assert a.success_step == a.length
        assert b.length == min(a.length + 4, 140)
        assert np.array_equal(a.observation[STATE], b.observation[STATE][: a.length + 1])


def test_an_expert_that_never_arrives_is_given_up() -> None:
    class Hopeless(PointMass):
        def keep_demonstration(self, length: int, success: bool) -> bool:
            return False

    with pytest.raises(LearningError, match="made only 0 good demonstrations"):
        make_demonstrations(Hopeless(), 1)
    with pytest.raises(LearningError, match="1 or more"):
        make_demonstrations(PointMass(), 0)
