"""What Stage 2 or an evaluation would cost: ticks of the real fleet, and updates on made-up tuples."""

from __future__ import annotations

import math

import torch

from models_store.checkpoint import EFMCheckpoint
from models_store.efm import EFM
from models_store.outline import outlines
from practice.embodiments.interface import Embodiment
from practice.fleet.drivers import PolicyDriver
from practice.fleet.loop import Fleet
from practice.learning import optim, reinforce
from practice.learning.config import EvaluationConfig, PracticeConfig
from practice.learning.costs import Cost, Part
from practice.learning.estimating import Estimate, Place
from practice.learning.evaluation import Evaluation
from practice.learning.made_up import MadeUp
from practice.learning.probing import Stopwatch
from practice.learning.self_improvement import SelfImprovement
from practice.learning.types import TaskFacts

_EVALUATED_AT_ONCE = 1_024
"""Robots of the evaluations during practice."""

_ENDLESS = 1_000_000
"""Episodes of a fleet that must not end while it is timed."""

_LATER = 0.5
"""Share of the probe's time that is left for updates."""


def practice_cost(
    config: PracticeConfig,
    policy: EFMCheckpoint,
    reward: EFMCheckpoint,
    robot: Embodiment,
    *,
    task: TaskFacts,
    place: Place | None = None,
) -> Cost:
    """Of Stage 2, all iterations of it.

    Raises:
        LearningError: models, robot and config do not go together.
    """
    place = place or Place()
    rows = config.batch_size // config.accumulate
    estimate = Estimate(place, rows=rows, steps=config.iterations)
    models = outlines([policy.spec, policy.spec, reward.spec])
    problem = estimate.outline(models, reinforce.trained(models[0], config, robot.spec))
    if problem:
        return estimate.cost(problem=problem)
    work = SelfImprovement(config, policy, reward, robot, task=task, device=place.device)
    try:
        made = MadeUp(policy.spec, robot.spec, task.instructions, device=place.device)
        return _practised(work, estimate, made, task.horizon)
    finally:
        work.fleet.close()


def evaluation_cost(
    config: EvaluationConfig,
    policy: EFMCheckpoint,
    reward: EFMCheckpoint | None,
    robot: Embodiment,
    *,
    task: TaskFacts,
    place: Place | None = None,
) -> Cost:
    """Of an evaluation.

    Raises:
        LearningError: models, robot and config do not go together.
    """
    place = place or Place()
    robots = min(config.num_robots, config.episodes)
    estimate = Estimate(place, rows=robots, steps=config.episodes)
    models = outlines([policy.spec, *([reward.spec] if reward else [])])
    problem = estimate.outline(models, [])
    if problem:
        return estimate.cost(problem=problem)
    endless = config.replace(num_robots=robots, episodes=_ENDLESS)
    work = Evaluation(endless, policy, reward, robot, task=task, device=place.device)
    try:
        ticks = _Ticks(work.fleet, estimate.stopwatch(), until=0.0)
    except torch.OutOfMemoryError:
        return estimate.cost(problem=estimate.ran_out(robots))
    finally:
        work.fleet.close()
    evaluations = ticks.evaluations(1, config.episodes, robots, task.horizon)
    return estimate.cost([evaluations], probed=robots)


class _Ticks:
    """A fleet that was let loose for some ticks."""

    def __init__(self, fleet: Fleet, watch: Stopwatch, *, until: float) -> None:
        """Until so many seconds of the watch are left."""
        self.robots, self.shares_looks = fleet.plan.num_robots, False

        def tick() -> None:
            self.shares_looks = fleet.tick().seen is not None

        self.timing = watch.repeated(tick, self.robots, until=until)

    def evaluations(self, count: int, episodes: int, robots: int, horizon: int) -> Part:
        """Of so many episodes each, `robots` at a time. Nobody knows how long an episode will be: at least a
        tick, at most the horizon, and half of it is expected.
        """
        rounds = math.ceil(episodes / robots) * max(1.0, robots / self.robots)
        seconds, ticks = (self.timing.median, *self.timing.ends), (horizon / 2, 1, horizon)
        each = (rounds * t * s for t, s in zip(ticks, seconds, strict=True))
        return Part("evaluations", count, *each)


class _Updates:
    """The policy of a practice run, learning from made-up tuples."""

    def __init__(self, config: PracticeConfig, model: EFM, made: MadeUp, *, looks: bool) -> None:
        """`looks`: whether tuples hold what was seen, as they do where judge and policy share their looks."""
        self._config, self._model, self._made = config.replace(accumulate=1), model, made
        self._seer = model if looks else None
        self._batch = made.batch(1, self._seer)
        self._trained = [one for one in model.parameters() if one.requires_grad]
        self._optimizer = optim.adam(
            self._trained, learning_rate=config.learning_rate, eps=config.adam_eps
        )

    def learn(self, rows: int) -> None:
        """Forward and backward, one part of a batch."""
        self._optimizer.zero_grad(set_to_none=True)
        if len(self._batch) != rows:  # made once for each size: making it is no part of a step
            self._batch = self._made.batch(rows, self._seer)
        reinforce.add_gradient(self._model, self._batch, self._config)

    def measure(self) -> None:
        """Its drift from where it started, over the tuples that were learned from last."""
        reinforce.drift(self._model, self._model, self._batch)

    def follow(self) -> None:
        """One step of the optimiser."""
        optim.clip(self._trained, self._config.clip_gradient)
        self._optimizer.step()


def _practised(work: SelfImprovement, estimate: Estimate, made: MadeUp, horizon: int) -> Cost:
    config, watch, driver = work.config, estimate.stopwatch(), work.fleet.driver
    assert isinstance(driver, PolicyDriver)
    try:
        ticks = _Ticks(work.fleet, watch, until=_LATER * watch.left)
    except torch.OutOfMemoryError:
        return estimate.cost(problem=estimate.ran_out(config.num_robots))
    updates = _Updates(config, driver.model, made, looks=ticks.shares_looks)
    problem = estimate.activations(driver.model, updates.learn, updates.follow)
    if problem:
        return estimate.cost(problem=problem)
    learned, problem = estimate.tried(updates.learn, watch, until=0.1 * watch.left)
    if learned is None:
        return estimate.cost(problem=problem)
    followed = watch.repeated(updates.follow, estimate.rows).median
    drift = watch.repeated(updates.measure, min(learned.rows, reinforce.DRIFT_ROWS))
    collecting = config.iterations * math.ceil(config.tuples / config.num_robots)
    every, episodes = config.evaluate_every, config.evaluate_episodes
    robots = min(episodes, _EVALUATED_AT_ONCE)
    measured = drift.scaled(min(config.tuples, reinforce.DRIFT_ROWS))
    parts = [
        measured.part("looks at drift", config.iterations),
        ticks.timing.part("ticks of the fleet", collecting),
        learned.scaled(estimate.rows).part(
            "updates", config.iterations * config.updates, times=config.accumulate, plus=followed
        ),
        ticks.evaluations(
            1 + config.iterations // every if every else 0, episodes, robots, horizon
        ),
    ]
    return estimate.cost(parts, probed=learned.rows)
