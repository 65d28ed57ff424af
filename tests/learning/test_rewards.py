"""Rewards other than progress reach the tuples that practice learns from."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pytest

from models_store.checkpoint import EFMCheckpoint
from practice.embodiments.point_mass import PointMass
from practice.learning.config import PracticeConfig
from practice.learning.errors import LearningError
from practice.learning.self_improvement import SelfImprovement
from practice.learning.types import TaskFacts


def made(robot: PointMass, stage1: dict[str, EFMCheckpoint], **changes: Any) -> SelfImprovement:
    config = PracticeConfig(
        num_robots=32, updates=1, batch_size=3_200, evaluate_every=0, terminate_on="success",
        learning_rate=1e-8, carry_optimizer=False,
    ).replace(**changes)  # fmt: skip
    task = TaskFacts.of(robot.spec)
    return SelfImprovement(config, stage1["policy"], stage1["reward"], robot, task=task)


@pytest.mark.parametrize("returns", ["episode", "window"])
def test_success_pays_once_for_each_arrival(
    returns: Literal["episode", "window"],
    robot: PointMass,
    stage1: dict[str, EFMCheckpoint],
) -> None:
    run = made(robot, stage1, returns=returns, reward="success", gamma=0.0)
    run.step()
    collected = run._collect()
    arrivals = int(collected.endings.true_success.sum())
    earned = collected.batch.returns.numpy()
    assert arrivals > 3
    assert np.count_nonzero(earned) == arrivals == earned.sum()


@pytest.mark.parametrize("returns", ["episode", "window"])
def test_the_bonus_is_paid_also_where_success_does_not_end_the_episode(
    returns: Literal["episode", "window"],
    robot: PointMass,
    stage1: dict[str, EFMCheckpoint],
) -> None:
    """The same robots, with and without: they differ in the tuples of arrival alone."""
    changes: dict[str, Any] = {
        "returns": returns, "gamma": 0.0, "terminate_on": "detector", "threshold": 0.0,
        "batch_size": 32 * 140,
    }  # fmt: skip
    plain, paid = (made(robot, stage1, success_bonus=b, **changes) for b in (0.0, 7.0))
    collected = []
    for run in (plain, paid):
        run.step()
        collected.append(run._collect())
    extra = (collected[1].batch.returns - collected[0].batch.returns).numpy()
    arrivals = int(collected[0].endings.true_success.sum())
    assert arrivals > 3
    assert np.count_nonzero(extra) == arrivals
    assert extra.max() == pytest.approx(7.0, rel=1e-4)


def test_nobody_is_paid_for_a_success_that_nobody_can_tell(
    robot: PointMass, stage1: dict[str, EFMCheckpoint]
) -> None:
    blind = PointMass()
    blind.spec = replace(robot.spec, knows_success=False)
    for changes in ({"reward": "success"}, {"success_bonus": 1.0}):
        with pytest.raises(LearningError, match="cannot tell true success; set reward to progress"):
            made(blind, stage1, terminate_on="detector", **changes)
