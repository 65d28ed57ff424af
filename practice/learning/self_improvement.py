"""Stage 2, Self-Improvement (arXiv 2509.15155, section 3.2), by REINFORCE on the robot's own word.

A frozen Stage-1 checkpoint judges: d(o, g) is the mean of its predicted steps-to-go. Progress is
the reward, r_t = d(o_t, g) - d(o_{t+1}, g); the success detector d(o, g) <= s ends an episode and
is not rewarded. The loss is -c R_t log p(a_t | o_t, g), c = (1 - gamma) / 2. An iteration collects
N x B tuples, makes N updates of B tuples each, uses a tuple at most once, and clears the buffer.
No critic, no KL term, no entropy bonus, no clipping.

Departures from the paper, all of them settings:
- `carry_optimizer` (on): Adam goes on with the moments it had at the end of Stage 1. With fresh
  moments and small batches the first updates are far too long and break the policy.
- The best checkpoint is kept by an evaluation on seeds that practice never uses, and `patience`
  may stop a run at its plateau, because success falls again when practice goes on past its peak.
- `returns = "window"` learns from unfinished episodes too, `normalise_returns` scales: both off.
- `terminate_on = "success"` lets the simulator end an episode; the paper's way is the default.
- `reward` and `success_bonus` change what a step earns, for comparison and for goals the judge
  cannot see; both need a simulator that knows success where they ask for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models_store.checkpoint import EFMCheckpoint
from practice.embodiments.interface import Embodiment
from practice.fleet.book import ENDED_BY, Rules
from practice.fleet.drivers import Judge, PolicyDriver
from practice.fleet.loop import Fleet
from practice.fleet.pacing import Pacer
from practice.fleet.plan import FleetPlan, groups_for
from practice.fleet.pool import choose_processes
from practice.fleet.tick import Sink
from practice.learning import optim, reinforce
from practice.learning.building import prepare_to_learn
from practice.learning.collecting import Batch, Collected, collect_episodes, collect_window
from practice.learning.config import EvaluationConfig, PracticeConfig
from practice.learning.errors import LearningError
from practice.learning.evaluation import Summary, evaluate, looked_back_at
from practice.learning.revision import code_revision
from practice.learning.temperature import at_temperature
from practice.learning.types import Report, TaskFacts, Tree

EVALUATION_SEED = 1_000_000_000
"""First seed of the evaluations during practice; evaluation runs of their own begin elsewhere."""


class SelfImprovement:
    """A practice run; one step is one iteration, with an evaluation when one is due. The very
    first step only evaluates the start policy, which is also the first "best".
    """

    kind = "practice"

    def __init__(
        self,
        config: PracticeConfig,
        policy: EFMCheckpoint,
        reward: EFMCheckpoint,
        embodiment: Embodiment,
        *,
        task: TaskFacts,
        device: str = "cpu",
        sinks: Sequence[Sink] = (),
        collect: bool = True,
    ) -> None:
        """`collect=False` leaves out the `Episode` objects, for benchmarks."""
        self._earned = reinforce.reward(config, embodiment.spec)
        self.config, self._task, self._embodiment = config, task, embodiment
        policy = at_temperature(policy, config.temperature)
        self._start, self._reward, self._device = policy, reward, device
        self._model, self._anchor, judge = (c.build(device) for c in (policy, policy, reward))
        for model in (self._model, self._anchor, judge):
            model.set_precision(config.precision)
        prepare_to_learn(self._model, config)
        self._judge = Judge(judge, device=device)
        trained = {id(one) for one in reinforce.trained(self._model, config, embodiment.spec)}
        self._named = [(n, p) for n, p in self._model.named_parameters() if id(p) in trained]
        for parameter in self._model.parameters():
            parameter.requires_grad_(id(parameter) in trained)
        self._optimizer = optim.adam(
            [p for _, p in self._named], learning_rate=config.learning_rate, eps=config.adam_eps
        )
        if config.carry_optimizer:
            optim.load_moments(self._optimizer, self._named, policy.optimizer or {})
        self._generator = torch.Generator().manual_seed(config.seed)
        self._fleet = Fleet(
            embodiment, self._plan(collect), PolicyDriver(self._model, self._generator, device=device),
            self._judge, sinks=sinks, pacer=Pacer(task.control_hz, config.pace),
        )  # fmt: skip
        self._iteration, self._episodes, self._stale = -1, 0, 0
        self._best: dict[str, Any] = {"cost": float("inf"), "iteration": 0, "values": {}}
        self._first: dict[str, float] = {}

    @property
    def fleet(self) -> Fleet:
        """Its robots."""
        return self._fleet

    @property
    def finished(self) -> bool:
        """Whether the budget is used up, or nothing has got better for long enough."""
        exhausted = self._iteration >= self.config.iterations
        return exhausted or (self.config.patience > 0 and self._stale >= self.config.patience)

    def step(self) -> Report:
        """One iteration."""
        self._iteration += 1
        if self._iteration == 0:
            return self._opening()
        config = self.config
        share = optim.schedule(config.schedule, self._iteration - 1, config.iterations + 1)
        share *= optim.warm_up(self._iteration, config.warmup)
        optim.set_learning_rate(self._optimizer, config.learning_rate * share)
        collected = self._collect()
        self._episodes += len(collected.endings)
        losses = [
            self._update(part) for part in reinforce.parts(collected.batch, config, self._generator)
        ]
        values = self._practised(collected) | {"policy_loss": float(np.mean(losses))}
        improved, log, figures = self._evaluated() if self._evaluation_due() else (False, [], {})
        values |= figures
        return self._report(values, collected, log, improved)

    def state(self) -> Tree:
        """Weights, moments, generator, fleet, counters, the best so far."""
        return {
            "iteration": self._iteration,
            "episodes": self._episodes,
            "stale": self._stale,
            "first": dict(self._first),
            "best": dict(self._best),
            "model": self._weights(),
            "optimizer": optim.moments(self._optimizer, self._named),
            "generator": self._generator.get_state(),
            "fleet": self._fleet.state(),
        }

    def load_state(self, tree: Tree) -> None:
        """Go on from `state()`."""
        self._iteration, self._episodes = int(tree["iteration"]), int(tree["episodes"])
        self._stale = int(tree["stale"])
        self._first, self._best = dict(tree["first"]), dict(tree["best"])
        self._model.load_state_dict(tree["model"])
        optim.load_moments(self._optimizer, self._named, tree["optimizer"])
        self._generator.set_state(tree["generator"])
        self._fleet.load_state(tree["fleet"])

    def checkpoints(self) -> dict[str, EFMCheckpoint]:
        """{"policy": the best by evaluation}, or the newest where evaluation is switched off."""
        best = self._best if "weights" in self._best else self._newest()
        return {
            "policy": EFMCheckpoint(
                spec=self._start.spec,
                normalisation=self._start.normalisation,
                weights=best["weights"],
                config={"kind": self.kind, "role": "policy", "iteration": best["iteration"]}
                | self.config.to_json(),
                parents={"policy": self._start.digest, "reward": self._reward.digest},
                optimizer=best["optimizer"],
                code_revision=code_revision(),
            )
        }

    def result(self) -> dict[str, Any]:
        """Start and best evaluation, and what it took."""
        return {
            "iterations": max(self._iteration, 0),
            "episodes": self._episodes,
            "env_steps": self._fleet.env_steps,
            "best_iteration": self._best["iteration"],
            "start": dict(self._first),
            "best": dict(self._best["values"]),
        }

    def _plan(self, collect: bool) -> FleetPlan:
        config, task, spec = self.config, self._task, self._embodiment.spec
        threshold = task.threshold if config.threshold is None else config.threshold
        return FleetPlan(
            num_robots=config.num_robots,
            rules=Rules(task.horizon, threshold, config.terminate_on, config.detector_hold),
            seed=config.seed,
            instructions=task.instructions,
            limits=task.limits,
            collect=collect,
            trace=config.returns == "episode",
            processes=choose_processes(spec, config.processes),
            groups=groups_for(spec, config.num_robots),
            previous=looked_back_at(self._model, self._judge),
        )

    def _collect(self) -> Collected:
        config = self.config
        rest = (config.gamma, self._iteration, self._device)
        if config.returns == "window":
            ticks = config.tuples // config.num_robots
            return collect_window(self._fleet, ticks, *rest, reward=self._earned)
        return collect_episodes(self._fleet, config.tuples, *rest, reward=self._earned)

    def _update(self, batch: Batch) -> float:
        """One step on -c R log p(a | o, g)."""
        self._optimizer.zero_grad(set_to_none=True)
        value = reinforce.add_gradient(self._model, batch, self.config)
        optim.clip((parameter for _, parameter in self._named), self.config.clip_gradient)
        self._optimizer.step()
        if not np.isfinite(value):
            raise LearningError(
                f"The policy loss is no longer a number in iteration {self._iteration}; "
                f"lower learning_rate (now {self.config.learning_rate:g})."
            )
        return value

    def _practised(self, collected: Collected) -> dict[str, float]:
        """Points of the curves that come from practice itself."""
        values = {
            "mean_distance": collected.mean_distance,
            "mean_return": float(collected.batch.returns.mean()),
            **reinforce.drift(self._model, self._anchor, collected.batch),
        }
        endings = collected.endings
        if len(endings):
            horizon = endings.ended_by == ENDED_BY.index("horizon")
            values["practice_success"] = float((~horizon).mean())
            values["practice_mean_steps"] = float(endings.steps.mean())
            if self._embodiment.spec.knows_success:
                values["practice_true_success"] = float(endings.true_success.mean())
        return values

    def _evaluation_due(self) -> bool:
        every = self.config.evaluate_every
        last = self._iteration == self.config.iterations
        return every > 0 and (last or self._iteration % every == 0)

    def _opening(self) -> Report:
        """Evaluate the start policy before anything is learned."""
        improved, log, values = self._evaluated() if self.config.evaluate_every else (False, [], {})
        self._first = values
        return self._report(values, None, log, improved)

    def _evaluated(self) -> tuple[bool, list[str], dict[str, float]]:
        """Evaluate, and keep the weights when they are the best so far."""
        config = self.config
        plan = EvaluationConfig(
            config.seed, config.evaluate_episodes, EVALUATION_SEED, 1_024, config.threshold,
            processes=config.processes,
        )  # fmt: skip
        summary = evaluate(
            self._model, self._judge, self._embodiment, self._task, plan, device=self._device
        )
        cost = summary.cost(horizon=self._task.horizon, failure_cost=config.failure_cost)
        improved = cost < self._best["cost"]
        self._stale = 0 if improved else self._stale + 1
        if improved:
            self._best = self._newest() | {"cost": cost, "values": summary.values()}
        return improved, [_line(self._iteration, summary, improved)], summary.values()

    def _newest(self) -> dict[str, Any]:
        return {
            "cost": float("inf"),
            "iteration": max(self._iteration, 0),
            "values": {},
            "weights": self._weights(),
            "optimizer": optim.moments(self._optimizer, self._named),
        }

    def _weights(self) -> dict[str, Tensor]:
        state = self._model.state_dict()
        return {name: values.detach().cpu().clone() for name, values in state.items()}

    def _report(
        self, values: dict[str, float], collected: Collected | None, log: list[str], improved: bool
    ) -> Report:
        return Report(
            self._iteration,
            self.config.iterations,
            env_steps=self._fleet.env_steps,
            episodes_total=self._episodes,
            values=values,
            episodes=collected.episodes if collected else [],
            log=log,
            improved=improved,
        )


def _line(iteration: int, summary: Summary, improved: bool) -> str:
    low, high = summary.success.interval
    return (
        f"Iteration {iteration}: {100 * (summary.success.value or 0):.1f} % success "
        f"[{100 * low:.1f}, {100 * high:.1f}], {summary.mean_steps:.1f} steps"
        f"{', the best so far' if improved else ''}."
    )
