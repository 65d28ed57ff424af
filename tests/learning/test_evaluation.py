"""Evaluations count what they should, on the seeds they should."""

from __future__ import annotations

import numpy as np
import pytest

from models_store.checkpoint import EFMCheckpoint
from practice.embodiments.point_mass import PointMass
from practice.fleet.book import Endings
from practice.learning.benchmark import BARS, pointmass
from practice.learning.config import EvaluationConfig
from practice.learning.evaluation import Evaluation, Summary
from practice.learning.types import TaskFacts


def endings(*rows: tuple[int, bool, bool, int, bool]) -> Endings:
    """(steps, true success, detector at the end, first fired, true by then) per episode."""
    steps, success, detector, fired, fired_true = (
        np.array(column) for column in zip(*rows, strict=True)
    )
    index = np.arange(len(rows))
    arrived = np.where(success, steps, -1)
    return Endings(index, index, steps, index * 0, success, detector, fired, fired_true, arrived)


FIVE = endings(
    (10, True, True, 10, True),
    (20, True, True, 18, False),  # fired two steps early
    (30, True, False, -1, False),  # never noticed
    (140, False, False, 90, False),  # fired, and was wrong
    (140, False, False, -1, False),
)


def test_success_steps_precision_and_recall_by_hand() -> None:
    summary = Summary.of(FIVE, horizon=140, knows_success=True, judged=True)
    assert (summary.success.k, summary.success.n) == (3, 5)
    assert summary.mean_steps == pytest.approx((10 + 20 + 30 + 140 + 140) / 5)
    assert summary.precision is not None
    assert summary.recall is not None
    assert (summary.precision.k, summary.precision.n) == (1, 3)
    assert (summary.recall.k, summary.recall.n) == (2, 3)
    assert summary.cost(horizon=140, failure_cost=3.0) == pytest.approx(68 + 0.4 * 2 * 140)


def test_giving_up_early_is_not_fast() -> None:
    stopped = endings((5, False, True, 5, False))
    assert Summary.of(stopped, horizon=140, knows_success=True, judged=True).mean_steps == 140


def test_without_a_simulators_word_the_detector_stands_in_and_is_not_praised() -> None:
    summary = Summary.of(FIVE, horizon=140, knows_success=False, judged=True)
    assert summary.success.k == 2
    assert summary.precision is None
    assert "detector_precision" not in summary.values()


def evaluate(
    robot: PointMass, stage1: dict[str, EFMCheckpoint], config: EvaluationConfig
) -> tuple[Evaluation, list[int]]:
    made = Evaluation(
        config, stage1["policy"], stage1["reward"], robot, task=TaskFacts.of(robot.spec)
    )
    seeds = []
    while not made.finished:
        seeds += [episode.seed for episode in made.step().episodes]
    return made, seeds


def test_every_seed_once_whatever_the_number_of_robots(
    robot: PointMass, stage1: dict[str, EFMCheckpoint]
) -> None:
    for robots in (7, 64):
        config = EvaluationConfig(episodes=64, num_robots=robots, first_seed=500)
        made, seeds = evaluate(robot, stage1, config)
        assert sorted(seeds) == list(range(500, 564))
        result = made.result()
        assert result["episodes"] == 64
        assert result["ci"][0] <= result["success"] <= result["ci"][1]
        assert result["detector"]["threshold"] == robot.spec.default_threshold


def test_the_same_evaluation_gives_the_same_figures(
    robot: PointMass, stage1: dict[str, EFMCheckpoint]
) -> None:
    config = EvaluationConfig(episodes=40, num_robots=16, threshold=4.0)
    first, second = (evaluate(robot, stage1, config)[0].result() for _ in range(2))
    assert first == second
    assert first["detector"]["threshold"] == 4.0


def test_true_success_is_known_even_where_the_detector_ends_episodes(
    robot: PointMass, stage1: dict[str, EFMCheckpoint]
) -> None:
    config = EvaluationConfig(episodes=64, num_robots=64, terminate_on="detector", threshold=30.0)
    made, _ = evaluate(robot, stage1, config)
    result = made.result()
    assert result["detector"]["recall"] is None or result["detector"]["recall"] >= 0.9
    assert result["success"] < 0.5, "ending thirty steps early is no success"


def test_the_benchmark_names_its_figures_and_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("practice.learning.benchmark.run_seed", _fake_seed)
    told: list[tuple[str, float]] = []
    report = pointmass(seeds=3, progress=lambda text, share: told.append((text, share)))
    assert report["figures"]["seconds"] == 2.0
    assert report["figures"]["min_success"] == 0.98
    held = {bar["name"]: bar["holds"] for bar in report["bars"]}
    assert set(held) == {bar.name for bar in BARS}
    assert held["min_success"] is False
    assert held["success"] is held["seconds"] is held["detector_mean_steps"] is True
    assert [share for _, share in told] == pytest.approx([1 / 3, 2 / 3, 1])


def _fake_seed(seed: int) -> dict[str, float]:
    row = {"stage1_success": 0.6, "stage1_mean_steps": 90.0, "stage1_seconds": 1.0}
    for prefix in ("", "detector_"):
        row |= {
            f"{prefix}success": (0.98, 1.0, 1.0)[seed],
            f"{prefix}mean_steps": 11.0,
            f"{prefix}seconds": float(seed + 1),
        }
    return row
