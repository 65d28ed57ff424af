"""The one interaction loop: robots in lock step, one batched forward per question and tick.

Demonstrations, practice and evaluation all run through here; recording and watching are sinks.
Learning sees a tick as a `Moment` (only the robots that moved); sinks see it as a `Tick` (all).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models_store.errors import LearningError
from models_store.instructions import Instructions
from practice.embodiments.interface import Embodiment, Observation
from practice.episodes.types import Episode
from practice.fleet.book import ENDED_BY, Endings, EpisodeBook
from practice.fleet.drivers import Driver, Judge, Verdict
from practice.fleet.pacing import Pacer
from practice.fleet.plan import FleetPlan, Moment
from practice.fleet.tick import Sink, Tick
from practice.fleet.trace import Trace


class Fleet:
    """R robots of one embodiment, a driver, perhaps a judge, and listeners."""

    def __init__(
        self,
        embodiment: Embodiment,
        plan: FleetPlan,
        driver: Driver,
        judge: Judge | None = None,
        *,
        sinks: Sequence[Sink] = (),
        pacer: Pacer | None = None,
    ) -> None:
        """Robots start their first episodes at the first tick."""
        if judge is None and plan.rules.terminate_on == "detector":
            raise LearningError("The detector can end episodes only with a reward checkpoint.")
        if plan.rules.terminate_on == "success" and not embodiment.spec.knows_success:
            raise LearningError(
                f"{embodiment.spec.title} cannot tell true success; end episodes by the detector."
            )
        self.plan, self.driver, self._judge, self._sinks = plan, driver, judge, sinks
        self._pacer = pacer
        self._sim = embodiment.make_fleet(plan.num_robots)
        self._low, self._high = embodiment.action_limits(plan.limits)
        self.book = EpisodeBook(
            plan.num_robots, seed=plan.seed, first_seed=plan.first_seed, episodes=plan.episodes
        )
        keep = plan.collect or plan.trace
        self.trace = Trace(plan.num_robots, plan.rules.horizon) if keep else None
        self._observation: Observation = {}
        self._distance = np.zeros(plan.num_robots, dtype=np.float32)
        self.instruction = np.zeros(plan.num_robots, dtype=np.int64)
        self._knows_success = embodiment.spec.knows_success
        self._told: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None
        """Spread (R,) and probabilities (R, bins) as the sinks hear them; kept only for them."""
        self.env_steps = 0

    @property
    def finished(self) -> bool:
        """Whether every planned episode has ended."""
        return bool(self._observation) and not self.book.active.any()

    def tick(
        self, iteration: int = 0, *, before_restart: Callable[[Endings], None] | None = None
    ) -> Moment:
        """One control tick of every active robot.

        `before_restart` hears of ended episodes while the trace still holds them.
        """
        if not self._observation:
            self._begin(np.arange(self.plan.num_robots))
        if self._pacer is not None:
            self._pacer.wait()
        rows = np.flatnonzero(self.book.active)
        before = _take(self._observation, rows)
        instructions = Instructions(self.plan.instructions, self.instruction[rows])
        sampled = self.driver.act(before, instructions, rows)
        action = self._command(rows, sampled)
        transition = self._sim.step(action)
        self._observation = transition.observation
        after = _take(self._observation, rows)
        distance_before, distance = self._judge_rows(rows, before, after, instructions)
        success = None if transition.success is None else transition.success[rows]
        reason = self.book.advance(rows, success, distance, self.plan.rules)
        if self.trace is not None:
            self.trace.observe(rows, self.book.step[rows], after)
        self.env_steps += len(rows)
        ended = reason >= 0
        endings = self.book.endings(rows[ended], reason[ended])
        whole = range(len(endings)) if self.plan.collect else ()
        episodes = [self._episode(endings, i, iteration) for i in whole]
        if self._sinks:
            self._announce(action, endings.robot, iteration)
        if len(endings):
            if before_restart is not None:
                before_restart(endings)
            self._begin(endings.robot)
        return Moment(
            rows, before, sampled, instructions, distance_before, distance, ended, endings, episodes
        )

    def state(self) -> dict[str, Any]:
        """Simulator, running episodes and counters, exactly."""
        return {
            "sim": self._sim.state(),
            "book": self.book.state(),
            "trace": None if self.trace is None else self.trace.state(),
            "observation": {name: array.copy() for name, array in self._observation.items()},
            "distance": self._distance.copy(),
            "instruction": self.instruction.copy(),
            "env_steps": self.env_steps,
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from `state()`; the plan must be the same."""
        self._sim.load_state(state["sim"])
        self.book.load_state(state["book"])
        if self.trace is not None:
            self.trace.load_state(state["trace"])
        self._observation = {name: np.array(a) for name, a in state["observation"].items()}
        self._distance = np.array(state["distance"])
        self.instruction = np.array(state["instruction"])
        self.env_steps = int(state["env_steps"])

    def _begin(self, robots: NDArray[np.int64]) -> None:
        """Start the next episodes of these robots, as far as any are left to start."""
        robots = self.book.begin(robots)
        if not len(robots):
            return
        seeds = self.book.seed[robots]
        self.instruction[robots] = (seeds % np.uint64(len(self.plan.instructions))).astype(np.int64)
        self.driver.begin(robots, seeds)
        started = self._sim.reset(robots, seeds)
        shown = self._observation or _room(started, self.plan.num_robots)
        # Listeners may still hold the arrays of this tick: write into copies.
        self._observation = {name: array.copy() for name, array in shown.items()}
        for name, rows in started.items():
            self._observation[name][robots] = rows
        if self.trace is not None:
            self.trace.observe(robots, self.book.step[robots], started)

    def _judge_rows(
        self,
        rows: NDArray[np.int64],
        before: Observation,
        after: Observation,
        instructions: Instructions,
    ) -> tuple[NDArray[np.float32] | None, NDArray[np.float32] | None]:
        """d before and after the action. Starts of new episodes ride along in the same forward."""
        if self._judge is None:
            return None, None
        fresh = np.flatnonzero(self.book.fresh[rows])
        batch, asked = after, instructions
        if len(fresh):
            batch = {name: np.concatenate([after[name], before[name][fresh]]) for name in after}
            index = np.concatenate([instructions.index, instructions.index[fresh]])
            asked = Instructions(instructions.texts, index)
        details = bool(self._sinks) or self.plan.collect
        verdict, k = self._judge(batch, asked, details=details), len(rows)
        self._distance[rows[fresh]] = verdict.distance[k:]
        before_action = self._distance[rows]
        self._distance[rows] = verdict.distance[:k]
        if self.trace is not None:
            step, spread = self.book.step[rows], verdict.spread
            first, later = (None, None) if spread is None else (spread[k:], spread[:k])
            self.trace.judge(rows[fresh], step[fresh], verdict.distance[k:], first)
            self.trace.judge(rows, step + 1, verdict.distance[:k], later)
        if self._sinks:
            self._remember(rows, verdict)
        return before_action, verdict.distance[:k]

    def _command(
        self, rows: NDArray[np.int64], sampled: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """What is sent, (R, A): limited for the robots that move, nothing for those that wait."""
        if self.trace is not None:
            self.trace.act(rows, self.book.step[rows], sampled)
        action = np.zeros((self.plan.num_robots, sampled.shape[1]), dtype=np.float32)
        action[rows] = self._limited(sampled)
        return action

    def _limited(self, action: NDArray[np.float32]) -> NDArray[np.float32]:
        """(..., A) cut to the task's limits. Half the cost of `np.clip` on short vectors."""
        limited: NDArray[np.float32] = np.minimum(np.maximum(action, self._low), self._high)
        return limited

    def _remember(self, rows: NDArray[np.int64], verdict: Verdict) -> None:
        """Keep the newest answer of every robot for the sinks, also of those that wait."""
        assert verdict.spread is not None
        assert verdict.probs is not None
        if self._told is None:
            robots, bins = self.plan.num_robots, verdict.probs.shape[1]
            self._told = (
                np.zeros(robots, dtype=np.float32),
                np.zeros((robots, bins), dtype=np.float32),
            )
        self._told[0][rows] = verdict.spread[: len(rows)]
        self._told[1][rows] = verdict.probs[: len(rows)]

    def _episode(self, endings: Endings, i: int, iteration: int) -> Episode:
        """The i-th of the episodes that just ended, cut out of the trace."""
        assert self.trace is not None
        assert self.trace.sampled is not None
        robot, length = int(endings.robot[i]), int(endings.steps[i])
        judged = self._judge is not None
        action = self._limited(self.trace.sampled[robot, :length])
        return Episode(
            uid=self.book.uid(robot),
            robot=robot,
            instruction=self.plan.instructions[self.instruction[robot]],
            seed=int(self.book.seed[robot]),
            observation={
                name: array[robot, : length + 1].copy()
                for name, array in self.trace.observation.items()
            },
            action=action,
            distance=self.trace.distance[robot, : length + 1].copy() if judged else None,
            spread=self.trace.spread[robot, : length + 1].copy() if judged else None,
            ended_by=ENDED_BY[endings.ended_by[i]],
            detector_success=bool(endings.detector[i]) if judged else None,
            true_success=bool(endings.true_success[i]) if self._knows_success else None,
            iteration=iteration,
        )

    def _announce(
        self, action: NDArray[np.float32], ended: NDArray[np.int64], iteration: int
    ) -> None:
        """Tell the sinks, before ended robots start anew."""
        book, told = self.book, self._told
        ending = np.zeros(self.plan.num_robots, dtype=np.bool_)
        ending[ended] = True
        tick = Tick(
            iteration=iteration,
            step=book.step.copy(),
            observation=self._observation,
            action=action,
            distance=self._distance.copy() if told else None,
            spread=told[0].copy() if told else None,
            probs=told[1].copy() if told else None,
            bin_centres=self._judge.bin_centres if self._judge else None,
            detector=book.detector.copy() if told else None,
            true_success=book.succeeded.copy() if self._knows_success else None,
            active=book.active.copy(),
            ended=ending,
            instructions=[self.plan.instructions[i] for i in self.instruction.tolist()],
            uid=[book.uid(robot) for robot in range(self.plan.num_robots)],
            captured_at=time.time(),
        )
        for sink in self._sinks:
            sink.on_tick(tick)


def _take(observation: Observation, rows: NDArray[np.int64]) -> Observation:
    """Rows of every feature."""
    return {name: array[rows] for name, array in observation.items()}


def _room(rows: Observation, num_robots: int) -> Observation:
    """Zeros for all robots, in the shape of these rows."""
    return {
        name: np.zeros((num_robots, *array.shape[1:]), dtype=array.dtype)
        for name, array in rows.items()
    }
