"""A run that is killed and goes on ends exactly like one that was not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from models_store.checkpoint import EFMCheckpoint
from models_store.state_file import load_tree, save_tree
from practice.embodiments.point_mass import PointMass
from practice.learning.config import EvaluationConfig, PracticeConfig, SFTConfig
from practice.learning.data import Demonstrations
from practice.learning.types import Report, TaskFacts, Work
from practice.learning.work import make_evaluation, make_practice, make_sft

Maker = Callable[[], Work]


@pytest.fixture(params=["sft", "episode", "window", "evaluation"])
def maker(
    request: pytest.FixtureRequest,
    robot: PointMass,
    demonstrations: Demonstrations,
    stage1: dict[str, EFMCheckpoint],
) -> Maker:
    task = TaskFacts.of(robot.spec)
    if request.param == "sft":
        sft = SFTConfig(steps=50, batch_size=64, validate_every=10, seed=3)
        return lambda: make_sft(sft, demonstrations, robot)
    if request.param == "evaluation":
        evaluation = EvaluationConfig(episodes=60, num_robots=16)
        return lambda: make_evaluation(
            evaluation, stage1["policy"], stage1["reward"], robot, task=task
        )
    practice = PracticeConfig(
        num_robots=16, iterations=6, updates=4, batch_size=64, returns=request.param,
        evaluate_every=2, evaluate_episodes=16, learning_rate=1e-3, seed=5,
    )  # fmt: skip
    return lambda: make_practice(practice, stage1["policy"], stage1["reward"], robot, task=task)


def test_killed_at_any_step_it_ends_the_same(maker: Maker, tmp_path: Path) -> None:
    straight, reports = maker(), []
    while not straight.finished:
        reports.append(straight.step())
    broken, resumed = maker(), []
    while not broken.finished:
        resumed.append(broken.step())
        save_tree(tmp_path / "state", broken.state())
        # Everything is thrown away; a new process would know the file and the config only.
        broken = maker()
        broken.load_state(load_tree(tmp_path / "state"))
    assert len(resumed) == len(reports) > 2
    for one, two in zip(reports, resumed, strict=True):
        _same(one, two)
    assert broken.result() == straight.result()
    ours, theirs = broken.checkpoints(), straight.checkpoints()
    assert {role: c.digest for role, c in ours.items()} == {
        role: c.digest for role, c in theirs.items()
    }


def _same(one: Report, two: Report) -> None:
    assert (one.iteration, one.env_steps, one.episodes_total) == (
        two.iteration, two.env_steps, two.episodes_total,
    )  # fmt: skip
    assert one.values == two.values
    assert one.improved == two.improved
    assert [e.uid for e in one.episodes] == [e.uid for e in two.episodes]
    for a, b in zip(one.episodes, two.episodes, strict=True):
        assert np.array_equal(a.action, b.action)
        assert np.array_equal(
            a.observation["observation.state"], b.observation["observation.state"]
        )
        assert a.distance is not None
        assert b.distance is not None
        assert np.array_equal(a.distance, b.distance)
