"""A Stage 1 small enough for tests, made once."""

from __future__ import annotations

import pytest

from models_store.checkpoint import EFMCheckpoint
from practice.embodiments.point_mass import PointMass
from practice.fleet.demonstrations import make_demonstrations
from practice.learning.config import SFTConfig
from practice.learning.data import Demonstrations
from practice.learning.sft import SFT


@pytest.fixture(scope="session")
def robot() -> PointMass:
    return PointMass()


@pytest.fixture(scope="session")
def demonstrations(robot: PointMass) -> Demonstrations:
    return Demonstrations.from_episodes(make_demonstrations(robot, 1_000, seed=0))


@pytest.fixture(scope="session")
def stage1(robot: PointMass, demonstrations: Demonstrations) -> dict[str, EFMCheckpoint]:
    """{"policy": ..., "reward": ...} that reach the goal about half of the time."""
    config = SFTConfig(steps=400, batch_size=256, learning_rate=5e-3, reward_width=64)
    run = SFT(config, demonstrations, robot.spec)
    while not run.finished:
        run.step()
    return run.checkpoints()
