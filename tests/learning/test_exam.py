"""Marks of judges against judges whose marks are known beforehand."""

from __future__ import annotations

import numpy as np
import pytest

from models_store.checkpoint import EFMCheckpoint
from practice.learning.config import SFTConfig
from practice.learning.data import Demonstrations
from practice.learning.errors import LearningError
from practice.learning.exam import Exam, _area, _rank
from practice.learning.sft import SFT
from tests.learning.picture_world import SPEC, demonstrations

CONFIG = SFTConfig(
    seed=1, steps=150, batch_size=48, learning_rate=3e-3, schedule="cosine", clip_gradient=1.0,
    policy_width=16, reward_width=64, queries=8, arrival="end", previous_frame=False,
    validate_every=75, precision="float32",
)  # fmt: skip


def marks(judge: EFMCheckpoint, threshold: float = 3.0) -> dict[str, float]:
    data = Demonstrations.from_episodes(demonstrations(40, seed=900))
    exam = Exam(judge, data, threshold=threshold, arrival="end")
    values = exam.step().values
    assert exam.finished
    assert exam.result() == {**values, "episodes": data.num_episodes}
    assert exam.checkpoints() == {}
    return values


@pytest.fixture(scope="module")
def judge() -> EFMCheckpoint:
    data = Demonstrations.from_episodes(demonstrations(200))
    run = SFT(CONFIG, data, SPEC)
    while not run.finished:
        run.step()
    return run.checkpoints()["reward"]


def test_a_trained_judge_has_better_marks_than_an_untrained_one(judge: EFMCheckpoint) -> None:
    taught = marks(judge)
    ignorant = marks(EFMCheckpoint.new(judge.spec, judge.normalisation, seed=5))
    assert taught["loss"] < ignorant["loss"]
    assert taught["rank"] > 0.3 > ignorant["rank"]
    assert taught["done_area"] > max(0.8, ignorant["done_area"])
    assert taught["told_apart"] > 0.6


def test_a_laxer_threshold_says_done_more_often(judge: EFMCheckpoint) -> None:
    strict, lax = (marks(judge, threshold) for threshold in (0.0, 100.0))
    assert (strict["precision"], strict["recall"]) == (0.0, 0.0)
    assert lax["recall"] == 1.0
    data = Demonstrations.from_episodes(demonstrations(40, seed=900))
    assert lax["precision"] == pytest.approx(float((data.steps_to_go == 0).mean()))


def test_an_exam_that_was_over_stays_over(judge: EFMCheckpoint) -> None:
    data = Demonstrations.from_episodes(demonstrations(20, seed=900))
    first, again = (Exam(judge, data, threshold=3.0) for _ in range(2))
    first.step()
    again.load_state(first.state())
    assert again.finished
    assert again.result() == first.result()


def test_ranks_and_areas_are_the_textbooks() -> None:
    assert _rank(np.array([5.0, 4.0, 3.0, 1.0])) == pytest.approx(1.0)
    assert _rank(np.array([1.0, 2.0, 3.0, 4.0])) == pytest.approx(-1.0)
    # d squared: (1 - 2)**2 twice, so rho = 1 - 6 * 2 / (4 * 15)
    assert _rank(np.array([4.0, 5.0, 3.0, 1.0])) == pytest.approx(0.8)
    assert _rank(np.full(5, 2.0)) == 0.0
    done = np.array([False, False, True, True])
    assert _area(np.array([3.0, 2.0, 1.0, 0.5]), done) == 1.0
    assert _area(np.array([0.1, 0.2, 1.0, 0.5]), done) == 0.0
    assert _area(np.array([1.0, 2.0, 1.0, 0.5]), done) == pytest.approx(3.5 / 4)


def test_too_few_demonstrations_are_refused(judge: EFMCheckpoint) -> None:
    few = Demonstrations.from_episodes(demonstrations(5))
    with pytest.raises(LearningError, match="more than 7 demonstrations"):
        Exam(judge, few, threshold=3.0)
