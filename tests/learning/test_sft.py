"""Stage 1 learns what can be learned and chooses its checkpoints by validation."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from models_store.checkpoint import EFMCheckpoint
from models_store.instructions import Instructions
from practice.embodiments.point_mass import STATE, PointMass
from practice.episodes.types import Episode
from practice.learning.config import SFTConfig
from practice.learning.data import Demonstrations
from practice.learning.errors import LearningError
from practice.learning.optim import schedule, warm_up
from practice.learning.sft import SFT
from practice.learning.types import Report

TINY = SFTConfig(steps=60, batch_size=64, validate_every=20, reward_width=16, policy_width=16)


def straight_walks(count: int) -> list[Episode]:
    """Robots on a line, 1...8 steps of 0.1 from the origin; the action is minus the sign of x."""
    rng, made = np.random.default_rng(0), []
    for n in range(count):
        length, side = int(rng.integers(1, 9)), float(rng.choice([-1.0, 1.0]))
        state = np.zeros((length + 1, 6), dtype=np.float32)
        state[:, 0] = side * 0.1 * np.arange(length, -1, -1)
        action = np.zeros((length, 2), dtype=np.float32)
        action[:, 0] = -side * 1e-4
        made.append(
            Episode(
                uid=f"e{n}",
                robot=0,
                instruction="go",
                seed=n,
                observation={STATE: state},
                action=action,
                distance=None,
                spread=None,
                ended_by="success",
                detector_success=None,
                true_success=True,
            )
        )
    return made


def run(made: SFT) -> list[Report]:
    reports = []
    while not made.finished:
        reports.append(made.step())
    return reports


def test_it_learns_the_action_and_the_steps_to_go_of_a_world_without_doubt(
    robot: PointMass,
) -> None:
    data = Demonstrations.from_episodes(straight_walks(300))
    config = SFTConfig(steps=400, batch_size=128, learning_rate=5e-3, seed=1)
    made = SFT(config, data, robot.spec)
    run(made)
    model = made.checkpoints()["policy"].build()
    judge = made.checkpoints()["reward"].build()
    state = torch.zeros(6, 6)
    state[:, 0] = torch.tensor([0.0, 0.1, 0.3, 0.6, -0.1, -0.6])
    same = Instructions.same("go", 6)
    steps = judge.steps_to_go({STATE: state}, same).mean
    assert steps.tolist() == pytest.approx([0.0, 1.4, 4.2, 7.0, 1.4, 7.0], abs=0.6)
    action = model.policy({STATE: state[1:]}, same).mode()
    assert action[:, 0].tolist() == pytest.approx([-1e-4] * 3 + [1e-4] * 2, abs=2e-5)


def test_reports_and_results_say_what_happened(
    robot: PointMass, demonstrations: Demonstrations
) -> None:
    made = SFT(TINY, demonstrations, robot.spec)
    reports = run(made)
    assert [report.iteration for report in reports] == [20, 40, 60]
    assert all(report.total == 60 for report in reports)
    keys = {"loss_bc", "loss_steps_to_go", "val_loss_bc", "val_loss_steps_to_go"}
    assert set(reports[0].values) == keys
    assert "1000 demonstrations" in reports[0].log[0]
    assert reports[0].improved
    assert reports[-1].values["val_loss_steps_to_go"] < reports[0].values["val_loss_steps_to_go"]
    assert made.result()["episodes"] == 1_000


def test_roles_are_chosen_separately_by_validation_loss(
    robot: PointMass, demonstrations: Demonstrations
) -> None:
    made = SFT(TINY, demonstrations, robot.spec)
    losses = iter([(1.0, 5.0), (2.0, 4.0), (3.0, 6.0)])
    made._validate = lambda: dict(  # type: ignore[method-assign]
        zip(("val_loss_bc", "val_loss_steps_to_go"), next(losses), strict=True)
    )
    reports = run(made)
    assert [report.improved for report in reports] == [True, True, False]
    result = made.result()
    assert (result["policy_step"], result["reward_step"]) == (20, 40)
    checkpoints = made.checkpoints()
    assert checkpoints["policy"].config["iteration"] == 20
    assert checkpoints["policy"].optimizer is not None
    assert checkpoints["reward"].optimizer is None


def test_the_last_policy_can_be_wanted(robot: PointMass, demonstrations: Demonstrations) -> None:
    made = SFT(TINY.replace(policy_choice="last"), demonstrations, robot.spec)
    losses = iter([1.0, 2.0, 3.0])
    made._validate = lambda: {  # type: ignore[method-assign]
        "val_loss_bc": next(losses), "val_loss_steps_to_go": 1.0,
    }  # fmt: skip
    run(made)
    assert made.result()["policy_step"] == 60


def test_validation_episodes_are_never_trained_on(
    robot: PointMass, demonstrations: Demonstrations
) -> None:
    made = SFT(TINY.replace(max_episodes=100), demonstrations, robot.spec)
    train = set(made._train.observation[STATE][:, :2].ravel().tolist())
    held_out = made._validation.observation[STATE][:, :2].ravel().tolist()
    assert (made._train.num_episodes, made._validation.num_episodes) == (95, 5)
    assert not train & set(held_out)


def test_the_same_seed_gives_the_same_checkpoint_and_another_another(
    robot: PointMass, demonstrations: Demonstrations
) -> None:
    digests = []
    for seed in (0, 0, 1):
        made = SFT(TINY.replace(steps=20, seed=seed), demonstrations, robot.spec)
        run(made)
        digests.append(made.checkpoints()["policy"].digest)
    assert digests[0] == digests[1] != digests[2]


def test_training_goes_on_from_a_checkpoint_and_names_it(
    robot: PointMass, demonstrations: Demonstrations, stage1: dict[str, EFMCheckpoint]
) -> None:
    made = SFT(
        TINY.replace(steps=20, learning_rate=1e-4), demonstrations, robot.spec,
        initial=stage1["policy"],
    )  # fmt: skip
    first = made.step()
    assert first.values["val_loss_bc"] < 2.3, "a fresh model needs far longer to get there"
    assert made.checkpoints()["policy"].parents == {"initial": stage1["policy"].digest}


def test_demonstrations_of_another_robot_are_refused(robot: PointMass) -> None:
    walks = straight_walks(3)
    odd = [
        Episode(
            uid=e.uid,
            robot=0,
            instruction="go",
            seed=0,
            observation={STATE: e.observation[STATE][:, :4]},
            action=e.action,
            distance=None,
            spread=None,
            ended_by="success",
            detector_success=None,
            true_success=True,
        )
        for e in walks
    ]
    with pytest.raises(LearningError, match="do not fit Point mass"):
        SFT(TINY, Demonstrations.from_episodes(odd), robot.spec)


def test_schedules() -> None:
    assert schedule("constant", 7, 10) == 1.0
    assert [schedule("cosine", step, 11) for step in (0, 5, 10)] == pytest.approx([1, 0.5, 0])
    cycle = [schedule("one-cycle", step, 101) for step in range(101)]
    assert cycle[0] == pytest.approx(1 / 25)
    assert max(cycle) == cycle[30] == pytest.approx(1.0)
    assert cycle[-1] == pytest.approx(1e-4)
    assert [warm_up(step, 3) for step in (1, 2, 3, 4, 5)] == [0.25, 0.5, 0.75, 1.0, 1.0]
    assert warm_up(1, 0) == 1.0
