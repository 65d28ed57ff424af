"""Stage 2: the gradient is the one in the paper, practice makes better, the best is kept."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from models_store.checkpoint import EFMCheckpoint
from models_store.instructions import Instructions
from practice.embodiments.point_mass import STATE, PointMass
from practice.learning.collecting import Batch
from practice.learning.config import EvaluationConfig, PracticeConfig
from practice.learning.evaluation import Evaluation
from practice.learning.self_improvement import SelfImprovement
from practice.learning.types import Report, TaskFacts

FAST = PracticeConfig(
    num_robots=128, iterations=60, updates=1, batch_size=1_024, returns="window",
    normalise_returns="scale", schedule="cosine", learning_rate=2.5e-3, carry_optimizer=False,
    terminate_on="success", evaluate_every=15, evaluate_episodes=128,
)  # fmt: skip
TINY = FAST.replace(num_robots=8, batch_size=32, iterations=3, evaluate_every=0)


def practise(
    config: PracticeConfig,
    robot: PointMass,
    stage1: dict[str, EFMCheckpoint],
    *,
    collect: bool = True,
) -> SelfImprovement:
    return SelfImprovement(
        config,
        stage1["policy"],
        stage1["reward"],
        robot,
        task=TaskFacts.of(robot.spec),
        collect=collect,
    )


def run(made: SelfImprovement) -> list[Report]:
    reports = []
    while not made.finished:
        reports.append(made.step())
    return reports


def success(policy: EFMCheckpoint, robot: PointMass) -> tuple[float, float]:
    config = EvaluationConfig(episodes=512, num_robots=512)
    made = Evaluation(config, policy, None, robot, task=TaskFacts.of(robot.spec), collect=False)
    while not made.finished:
        made.step()
    result = made.result()
    return result["success"], result["mean_steps"]


def test_practice_makes_nearly_perfect(robot: PointMass, stage1: dict[str, EFMCheckpoint]) -> None:
    made = practise(FAST, robot, stage1, collect=False)
    reports = run(made)
    before, slow = success(stage1["policy"], robot)
    after, quick = success(made.checkpoints()["policy"], robot)
    assert before < 0.75
    assert after > 0.95
    assert quick < slow / 2
    assert reports[0].iteration == 0, "the start policy is evaluated first"
    assert reports[-1].env_steps == 60 * 1_024
    result = made.result()
    assert result["start"]["eval_success"] < result["best"]["eval_success"]


def test_the_gradient_is_minus_c_r_grad_log_p(
    robot: PointMass, stage1: dict[str, EFMCheckpoint]
) -> None:
    made = practise(TINY.replace(normalise_returns="none", loss_scale=0.05), robot, stage1)
    made._optimizer.step = lambda *_: None  # type: ignore[method-assign]
    made._model.double()  # sums that cancel differ between processors in single precision
    torch.manual_seed(0)
    state, action = torch.randn(9, 6).double() * 0.3, torch.randn(9, 2).double() * 1e-4
    returns, same = torch.randn(9).double() * 5, Instructions.same("go", 9)
    made._update(Batch({STATE: state}, action, returns, same))
    model = stage1["policy"].build().double()
    expected = [torch.zeros_like(p) for p in model.policy_parameters()]
    for i in range(9):
        row = Instructions.same("go", 1)
        log_p = model.policy({STATE: state[i : i + 1]}, row).log_prob(action[i : i + 1])
        parts = torch.autograd.grad(log_p, model.policy_parameters())
        for total, part in zip(expected, parts, strict=True):
            total.sub_(0.05 * float(returns[i]) * part / 9)
    for got, want in zip(made._model.policy_parameters(), expected, strict=True):
        assert got.grad is not None
        torch.testing.assert_close(got.grad, want, rtol=1e-6, atol=1e-9)


def test_only_the_policy_is_trained_and_the_judge_stays_frozen(
    robot: PointMass, stage1: dict[str, EFMCheckpoint]
) -> None:
    made = practise(TINY, robot, stage1)
    run(made)
    new, old = made.checkpoints()["policy"].weights, stage1["policy"].weights
    for name in old:
        assert torch.equal(new[name], old[name]) == name.startswith("distance"), name
    judge = made._judge.model.state_dict()
    assert all(torch.equal(judge[name], stage1["reward"].weights[name]) for name in judge)


def test_the_spread_alone_is_one_number_in_the_last_bias(
    robot: PointMass, stage1: dict[str, EFMCheckpoint]
) -> None:
    made = practise(TINY.replace(trains="spread"), robot, stage1)
    run(made)
    new, old = made.checkpoints()["policy"].weights, stage1["policy"].weights
    changed = [name for name in old if not torch.equal(new[name], old[name])]
    assert changed == [[name for name in old if name.startswith("actor")][-1]]
    means, spreads = (new[changed[0]] - old[changed[0]]).chunk(2)
    assert torch.equal(means, torch.zeros(2))
    assert float(spreads[0]) == pytest.approx(float(spreads[1]), rel=1e-3)
    assert abs(float(spreads[0])) > 1e-4


def test_of_the_spread_the_gradient_is_the_mean_of_minus_c_r_grad_log_p(
    robot: PointMass, stage1: dict[str, EFMCheckpoint]
) -> None:
    made = practise(TINY.replace(trains="spread", normalise_returns="none"), robot, stage1)
    made._optimizer.step = lambda *_: None  # type: ignore[method-assign]
    torch.manual_seed(0)
    state, action, returns = torch.randn(9, 6) * 0.3, torch.randn(9, 2) * 1e-4, torch.randn(9)
    same = Instructions.same("go", 9)
    made._update(Batch({STATE: state}, action, returns, same))
    model = stage1["policy"].build()
    loss = -(TINY.loss_scale * returns * model.policy({STATE: state}, same).log_prob(action)).mean()
    (whole,) = torch.autograd.grad(loss, [model.policy_bias()])
    got = made._model.policy_bias().grad
    assert got is not None
    torch.testing.assert_close(got, torch.cat([torch.zeros(2), whole[2:].mean().expand(2)]))


@pytest.mark.parametrize("returns", ["episode", "window"])
def test_each_tuple_is_used_at_most_once_and_n_times_b_are(
    returns: str, robot: PointMass, stage1: dict[str, EFMCheckpoint]
) -> None:
    config = TINY.replace(returns=returns, updates=4, batch_size=16, iterations=2)
    made = practise(config, robot, stage1)
    used: list[torch.Tensor] = []
    keep = made._update

    def watched(batch: Batch) -> float:
        used.append(batch.action)
        return keep(batch)

    made._update = watched  # type: ignore[method-assign]
    run(made)
    assert [len(part) for part in used] == [16] * 8
    rows = torch.cat(used)
    assert len(torch.unique(rows, dim=0)) == len(rows)


def test_whole_episodes_carry_their_own_returns(
    robot: PointMass, stage1: dict[str, EFMCheckpoint]
) -> None:
    config = TINY.replace(returns="episode", batch_size=200, terminate_on="detector")
    made = practise(config, robot, stage1)
    made.step()
    made._iteration = 1
    collected = made._collect()
    expected = []
    for episode in collected.episodes:
        assert episode.distance is not None
        rewards = episode.distance[:-1] - episode.distance[1:]
        later = 0.0
        back = []
        for reward in rewards[::-1]:
            later = float(reward) + config.gamma * later
            back.append(later)
        expected += back[::-1]
    assert len(collected.batch) == sum(e.length for e in collected.episodes) >= 200
    np.testing.assert_allclose(
        np.sort(collected.batch.returns.numpy()), np.sort(expected), rtol=1e-3, atol=1e-3
    )


def test_the_best_is_kept_when_practice_ruins_the_policy(
    robot: PointMass, stage1: dict[str, EFMCheckpoint]
) -> None:
    ruin = FAST.replace(learning_rate=0.5, iterations=4, evaluate_every=2, schedule="constant")
    made = practise(ruin, robot, stage1, collect=False)
    reports = run(made)
    assert reports[-1].values["eval_success"] < 0.3
    kept, start = made.checkpoints()["policy"], stage1["policy"]
    assert made.result()["best_iteration"] == 0
    assert all(torch.equal(kept.weights[name], start.weights[name]) for name in start.weights)
    assert kept.parents == {"policy": start.digest, "reward": stage1["reward"].digest}


def test_a_plateau_stops_the_run(robot: PointMass, stage1: dict[str, EFMCheckpoint]) -> None:
    flat = TINY.replace(
        learning_rate=1e-8, schedule="constant", iterations=50, evaluate_every=1,
        evaluate_episodes=8, patience=3,
    )  # fmt: skip
    made = practise(flat, robot, stage1, collect=False)
    run(made)
    assert made.result()["iterations"] < 30


def test_reports_name_every_curve_and_hand_out_every_episode_once(
    robot: PointMass, stage1: dict[str, EFMCheckpoint]
) -> None:
    config = TINY.replace(
        num_robots=32, batch_size=1_280, iterations=4, evaluate_every=2, evaluate_episodes=16,
        terminate_on="detector",
    )  # fmt: skip
    made = practise(config, robot, stage1)
    reports = run(made)
    assert set(reports[4].values) >= {
        "practice_success", "practice_true_success", "practice_mean_steps", "mean_distance",
        "mean_return", "policy_loss", "action_std", "drift", "eval_success", "eval_ci_low",
        "eval_ci_high", "eval_mean_steps",
    }  # fmt: skip
    assert reports[1].values["drift"] > 0
    episodes = [episode for report in reports for episode in report.episodes]
    assert len({episode.uid for episode in episodes}) == len(episodes)
    assert reports[-1].episodes_total == len(episodes) > 0
    for episode in episodes:
        assert episode.ended_by in ("detector", "horizon")
        assert episode.distance is not None
        assert episode.distance.shape == (episode.length + 1,)
        if episode.ended_by == "detector":
            assert episode.distance[-1] <= robot.spec.default_threshold
        assert np.all(episode.distance[1:-1] > robot.spec.default_threshold)


def test_adam_goes_on_with_its_moments_when_told_to(
    robot: PointMass, stage1: dict[str, EFMCheckpoint]
) -> None:
    carried = practise(TINY.replace(carry_optimizer=True), robot, stage1)
    fresh = practise(TINY, robot, stage1)
    stored = stage1["policy"].optimizer
    assert stored is not None
    for name, parameter in carried._named:
        got = carried._optimizer.state[parameter]["exp_avg_sq"]
        assert torch.equal(got, stored[f"{name}/exp_avg_sq"])
    assert not fresh._optimizer.state
