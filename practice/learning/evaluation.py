"""How good is a policy: episodes on fixed seeds, counted with intervals; nothing is learned.

Success is what the simulator knows, where it knows, and never what the detector believes; the
detector is measured beside it. An episode that fails counts as the whole horizon in the mean
number of steps, so giving up early never looks fast.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from models_store.checkpoint import EFMCheckpoint
from models_store.efm import EFM
from practice.embodiments.interface import Embodiment
from practice.fleet.book import ENDED_BY, Endings, Rules, TerminateOn
from practice.fleet.drivers import Judge, PolicyDriver
from practice.fleet.loop import Fleet
from practice.fleet.pacing import Pacer
from practice.fleet.plan import FleetPlan, groups_for
from practice.fleet.pool import choose_processes
from practice.fleet.tick import Sink
from practice.learning.config import EvaluationConfig
from practice.learning.statistics import Share
from practice.learning.temperature import at_temperature
from practice.learning.types import Report, TaskFacts, Tree


@dataclass(frozen=True, slots=True)
class Summary:
    """Figures over a set of finished episodes."""

    success: Share
    mean_steps: float
    """Per episode; a failure counts as the horizon."""

    precision: Share | None
    """Of the episodes in which the detector said done, those that had succeeded by then."""

    recall: Share | None
    """Of the successful episodes, those in which the detector said done by the end."""

    @classmethod
    def of(cls, endings: Endings, *, horizon: int, knows_success: bool, judged: bool) -> Summary:
        """Count episodes. Where nobody knows success, the detector's word at the end stands in."""
        succeeded = endings.true_success if knows_success else endings.detector
        # An episode that true success ends may go on for some ticks, for the detector's sake.
        lingered = endings.ended_by == ENDED_BY.index("success")
        taken = np.where(lingered, endings.success_step, endings.steps)
        steps = np.where(succeeded, taken, horizon)
        precision = recall = None
        if judged and knows_success:
            fired = endings.fired_step >= 0
            precision = Share(int((fired & endings.fired_true).sum()), int(fired.sum()))
            recall = Share(int((fired & succeeded).sum()), int(succeeded.sum()))
        return cls(
            Share(int(succeeded.sum()), len(endings)),
            float(steps.mean()) if len(endings) else float(horizon),
            precision,
            recall,
        )

    def values(self) -> dict[str, float]:
        """Points of the curves."""
        low, high = self.success.interval
        values = {
            "eval_success": self.success.value,
            "eval_ci_low": low,
            "eval_ci_high": high,
            "eval_mean_steps": self.mean_steps,
            "detector_precision": self.precision.value if self.precision else None,
            "detector_recall": self.recall.value if self.recall else None,
        }
        return {name: value for name, value in values.items() if value is not None}

    def cost(self, *, horizon: int, failure_cost: float) -> float:
        """Steps per episode when a failure counts as `failure_cost` horizons: lower is better."""
        failures = 1.0 - (self.success.value or 0.0)
        return self.mean_steps + failures * (failure_cost - 1.0) * horizon


def evaluate(
    model: EFM,
    judge: Judge | None,
    embodiment: Embodiment,
    task: TaskFacts,
    config: EvaluationConfig,
    *,
    device: str = "cpu",
) -> Summary:
    """Run all episodes of a plan at once and count them."""
    fleet = _fleet(model, judge, embodiment, task, config, device=device, collect=False)
    ended = []
    while not fleet.finished:
        ended.append(fleet.tick().endings)
    fleet.close()
    return _summary(Endings.join(ended), embodiment, task, judged=judge is not None)


def looked_back_at(model: EFM, judge: Judge | None) -> tuple[str, ...]:
    """Features that policy or judge want to see as they were a step before as well."""
    return tuple(dict.fromkeys((*model.spec.previous, *(judge.previous if judge else ()))))


class Evaluation:
    """An evaluation run; one step is about one episode of every robot."""

    kind = "evaluation"

    def __init__(
        self,
        config: EvaluationConfig,
        policy: EFMCheckpoint,
        reward: EFMCheckpoint | None,
        embodiment: Embodiment,
        *,
        task: TaskFacts,
        device: str = "cpu",
        sinks: Sequence[Sink] = (),
        collect: bool = True,
    ) -> None:
        """Without a reward checkpoint nothing is said about the detector."""
        self.config, self._task, self._embodiment = config, task, embodiment
        self._judged = reward is not None
        model = at_temperature(policy, config.temperature).build(device)
        judging = reward.build(device) if reward else None
        for used in (model, judging):
            if used is not None:
                used.set_precision(config.precision)
        judge = Judge(judging, device=device) if judging else None
        self._fleet = _fleet(
            model, judge, embodiment, task, config,
            device=device, collect=collect, sinks=sinks,
        )  # fmt: skip
        self._endings = Endings.join([])

    @property
    def fleet(self) -> Fleet:
        """Its robots."""
        return self._fleet

    @property
    def finished(self) -> bool:
        """Whether every episode has ended."""
        return len(self._endings) >= self.config.episodes

    def step(self) -> Report:
        """Tick until a quarter of the fleet has ended an episode, or nobody is left."""
        parts, episodes, ended = [self._endings], [], 0
        while ended < max(self.config.num_robots // 4, 1) and not self._fleet.finished:
            moment = self._fleet.tick()
            parts.append(moment.endings)
            episodes += moment.episodes
            ended += len(moment.endings)
        self._endings = Endings.join(parts)
        return Report(
            iteration=len(self._endings),
            total=self.config.episodes,
            env_steps=self._fleet.env_steps,
            episodes_total=len(self._endings),
            values=self.summary().values(),
            episodes=episodes,
        )

    def summary(self) -> Summary:
        """Figures over the episodes that have ended; fair only when all have."""
        return _summary(self._endings, self._embodiment, self._task, judged=self._judged)

    def state(self) -> Tree:
        """Fleet, noise generator and what has been counted."""
        driver = self._fleet.driver
        assert isinstance(driver, PolicyDriver)
        return {
            "fleet": self._fleet.state(),
            "generator": driver.generator.get_state(),
            "endings": self._endings.to_tree(),
        }

    def load_state(self, tree: Tree) -> None:
        """Go on from `state()`."""
        driver = self._fleet.driver
        assert isinstance(driver, PolicyDriver)
        self._fleet.load_state(tree["fleet"])
        driver.generator.set_state(tree["generator"])
        self._endings = Endings.from_tree(tree["endings"])

    def checkpoints(self) -> dict[str, EFMCheckpoint]:
        """An evaluation makes none."""
        return {}

    def result(self) -> dict[str, Any]:
        """Success with its 95 % interval, mean steps, and the detector's worth."""
        summary = self.summary()
        threshold = self.config.threshold
        return {
            "success": summary.success.value,
            "ci": list(summary.success.interval),
            "mean_steps": summary.mean_steps,
            "episodes": len(self._endings),
            "env_steps": self._fleet.env_steps,
            "detector": {
                "threshold": self._task.threshold if threshold is None else threshold,
                "precision": summary.precision.value if summary.precision else None,
                "precision_ci": list(summary.precision.interval) if summary.precision else None,
                "recall": summary.recall.value if summary.recall else None,
                "recall_ci": list(summary.recall.interval) if summary.recall else None,
            },
        }


def _fleet(
    model: EFM,
    judge: Judge | None,
    embodiment: Embodiment,
    task: TaskFacts,
    config: EvaluationConfig,
    *,
    device: str,
    collect: bool,
    sinks: Sequence[Sink] = (),
) -> Fleet:
    terminate_on: TerminateOn = config.terminate_on if embodiment.spec.knows_success else "detector"
    threshold = task.threshold if config.threshold is None else config.threshold
    robots = min(config.num_robots, config.episodes)
    plan = FleetPlan(
        num_robots=robots,
        # A judge that learned arrival from lingering demonstrations needs to see as much of it.
        rules=Rules(task.horizon, threshold, terminate_on, linger=embodiment.spec.linger),
        seed=config.seed,
        instructions=task.instructions,
        limits=task.limits,
        first_seed=config.first_seed,
        episodes=config.episodes,
        collect=collect,
        processes=choose_processes(embodiment.spec, config.processes),
        groups=groups_for(embodiment.spec, robots),
        previous=looked_back_at(model, judge),
    )
    generator = torch.Generator().manual_seed(config.seed)
    driver = PolicyDriver(model, generator, device=device, greedy=config.actions == "greedy")
    pacer = Pacer(task.control_hz, config.pace)
    return Fleet(embodiment, plan, driver, judge, sinks=sinks, pacer=pacer)


def _summary(endings: Endings, embodiment: Embodiment, task: TaskFacts, *, judged: bool) -> Summary:
    knows = embodiment.spec.knows_success
    return Summary.of(endings, horizon=task.horizon, knows_success=knows, judged=judged)
