"""Batches of demonstrations: the frame before, arrival, and the mirror."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from practice.learning.data import Demonstrations
from practice.learning.rows import Rows
from tests.learning.picture_world import CAMERA, SPEC, STATE, demonstrations


@pytest.fixture(scope="module")
def data() -> Demonstrations:
    return Demonstrations.from_episodes(demonstrations(60))


def test_the_mirror_shows_the_same_world(data: Demonstrations) -> None:
    assert SPEC.mirror is not None
    kept = {"inputs": (CAMERA, STATE), "previous": (CAMERA,)}
    plain, mirrored = Rows(data, "cpu", **kept), Rows(data, "cpu", **kept, mirror=SPEC.mirror)  # type: ignore[arg-type]
    rows = torch.arange(40)
    one, two = plain.lesson(rows), mirrored.lesson(rows)
    for name in (CAMERA, f"{CAMERA}.previous"):
        assert torch.equal(two.observation[name][:20], one.observation[name][:20].flip(2))
        assert torch.equal(two.observation[name][20:], one.observation[name][20:])
    flip = torch.tensor([-1.0, 1.0])
    assert torch.equal(two.observation[STATE][:20], one.observation[STATE][:20] * flip)
    assert torch.equal(two.action[:20], one.action[:20] * flip)
    assert torch.equal(two.action[20:], one.action[20:])
    assert torch.equal(two.steps_to_go, one.steps_to_go)


def test_the_mirror_swaps_words() -> None:
    assert SPEC.mirror is not None
    episodes = [replace(e, instruction="go left") for e in demonstrations(4)]
    rows = Rows(Demonstrations.from_episodes(episodes), "cpu", inputs=(CAMERA,), mirror=SPEC.mirror)
    assert rows.lesson(torch.arange(4)).instructions.as_list() == ["go right"] * 2 + ["go left"] * 2


def test_the_frame_before_and_arrival_come_from_the_order_of_rows(data: Demonstrations) -> None:
    first = np.flatnonzero(np.diff(data.episode, prepend=-1))
    assert np.array_equal(data.before[first], first)
    others = np.setdiff1d(np.arange(len(data)), first)
    assert np.array_equal(data.before[others], others - 1)
    assert data.observation[CAMERA].dtype == np.uint8
    last = np.append(first[1:], len(data)) - 1
    assert (data.steps_to_go[last] == 0).all()
    assert (data.steps_to_go[last - 2] == 0).all(), "two steps of lingering at the goal"
    assert (data.steps_to_go[last - 3] == 1).all()
    assert (data.steps_to_end[last - 2] == 2).all()
    assert data.acted.sum() == len(data) - len(last)


def test_of_large_pictures_fewer_are_looked_at_together(data: Demonstrations) -> None:
    small = Rows(data, "cpu", inputs=(CAMERA, STATE), previous=(CAMERA,))
    assert small.at_once(512) == 512
    large = replace(
        data, observation=data.observation | {CAMERA: np.zeros((1, 1024, 2048, 3), np.uint8)}
    )
    assert Rows(large, "cpu", inputs=(CAMERA, STATE)).at_once(512) == 5
    assert Rows(large, "cpu", inputs=(CAMERA, STATE), previous=(CAMERA,)).at_once(512) == 2
    assert Rows(data, "cpu", inputs=(STATE,)).at_once(512) == 512
