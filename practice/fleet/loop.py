"""The one interaction loop: robots in lock step, one batched forward per question and group.

Demonstrations, practice and evaluation all run through here; recording and watching are sinks.
Learning sees a tick as a `Moment` (only the robots that moved); sinks see it as a `Tick` (all).

A tick asks the driver about one group of robots after the other, and the judge about each group
once it has moved, so that worker processes simulate while this process infers. Which groups there
are is part of the plan and never depends on who simulates: the numbers do not either.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models_store.errors import LearningError
from models_store.instructions import Instructions
from practice.embodiments.interface import Embodiment, Observation
from practice.episodes.types import Episode
from practice.fleet.announcer import Announcer
from practice.fleet.book import ENDED_BY, Endings, EpisodeBook
from practice.fleet.drivers import Driver, Judge, Verdict
from practice.fleet.mind import Mind
from practice.fleet.pacing import Pacer
from practice.fleet.plan import FleetPlan, Moment
from practice.fleet.pool import available_cores, make_stepper
from practice.fleet.senses import Senses, take
from practice.fleet.sight import Part, make_sight
from practice.fleet.tick import Sink
from practice.fleet.trace import make_trace

_Rows = NDArray[np.int64]
_Distance = NDArray[np.float32] | None


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
        self.plan, self.driver, self._judge = plan, driver, judge
        self._pacer = pacer
        self._low, self._high = embodiment.action_limits(plan.limits)
        self._sim = make_stepper(embodiment, plan.num_robots, plan.processes)
        self._mind = Mind(min(plan.groups, available_cores()) if plan.processes else 0)
        self.book = EpisodeBook(
            plan.num_robots, seed=plan.seed, first_seed=plan.first_seed, episodes=plan.episodes
        )
        self._sight = make_sight(
            driver, judge, self._mind, num_robots=plan.num_robots, horizon=plan.rules.horizon,
            cameras=embodiment.spec.cameras,
        )  # fmt: skip
        self.trace = make_trace(plan, pictures=plan.collect or not self._sight.keeps)
        self._senses = Senses(plan.num_robots, plan.previous)
        self._distance = np.zeros(plan.num_robots, dtype=np.float32)
        self.instruction = np.zeros(plan.num_robots, dtype=np.int64)
        self._knows_success = embodiment.spec.knows_success
        self._announcer = Announcer(sinks, plan.num_robots)
        groups = np.array_split(np.arange(plan.num_robots), min(plan.groups, plan.num_robots))
        self._first = np.array([group[0] for group in groups[1:]], dtype=np.int64)
        """The first robot of every group but the first."""

        self.env_steps = 0

    @property
    def finished(self) -> bool:
        """Whether every planned episode has ended."""
        return bool(self._senses.now) and not self.book.active.any()

    def close(self) -> None:
        """Let go of worker processes; a fleet that nobody holds any more does so by itself."""
        self._sim.close()
        self._mind.close()

    def tick(
        self, iteration: int = 0, *, before_restart: Callable[[Endings], None] | None = None
    ) -> Moment:
        """One control tick of every active robot.

        `before_restart` hears of ended episodes while the trace still holds them.
        """
        if not self._senses.now:
            self._begin(np.arange(self.plan.num_robots))
        if self._pacer is not None:
            self._pacer.wait()
        rows = np.flatnonzero(self.book.active)
        before = self._senses.of(rows)
        instructions = Instructions(self.plan.instructions, self.instruction[rows])
        parts = self._parts(rows, before, instructions)
        sampled, seen = self._act(parts), self._sight.of(rows)
        if self.trace is not None:
            self.trace.act(rows, self.book.step[rows], sampled, seen)
        success, distance_before, distance = self._meet(parts)
        reason = self.book.advance(rows, success, distance, self.plan.rules)
        self.env_steps += len(rows)
        ended = reason >= 0
        endings = self.book.endings(rows[ended], reason[ended])
        whole = range(len(endings)) if self.plan.collect else ()
        episodes = [self._episode(endings, i, iteration) for i in whole]
        if self._announcer:
            self._announce(rows, sampled, endings.robot, iteration)
        if len(endings):
            if before_restart is not None:
                before_restart(endings)
            self._begin(endings.robot)
        return Moment(
            rows, before, sampled, instructions, distance_before, distance, ended, endings,
            episodes, seen,
        )  # fmt: skip

    def state(self) -> dict[str, Any]:
        """Simulator, running episodes and counters, exactly."""
        return {
            "sim": self._sim.state(),
            "book": self.book.state(),
            "trace": None if self.trace is None else self.trace.state(),
            "senses": self._senses.state(),
            "sight": self._sight.state(),
            "distance": self._distance.copy(),
            "instruction": self.instruction.copy(),
            "env_steps": self.env_steps,
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from `state()`; the plan must be the same, its processes may differ.

        Raises:
            LearningError: the task has lost instructions that running episodes follow.
        """
        if np.max(state["instruction"], initial=0) >= len(self.plan.instructions):
            raise LearningError(
                f"The saved episodes follow more instructions than the {len(self.plan.instructions)} "
                "there are now: give the task its instructions back, or start a new run."
            )
        self._sim.load_state(state["sim"])
        self.book.load_state(state["book"])
        if self.trace is not None:
            self.trace.load_state(state["trace"])
        self._senses.load_state(state["senses"])
        self._sight.load_state(state["sight"])
        self._distance = np.array(state["distance"])
        self.instruction = np.array(state["instruction"])
        self.env_steps = int(state["env_steps"])

    def _begin(self, robots: _Rows) -> None:
        """Start the next episodes of these robots, as far as any are left to start."""
        robots = self.book.begin(robots)
        if not len(robots):
            return
        seeds = self.book.seed[robots]
        self.instruction[robots] = (seeds % np.uint64(len(self.plan.instructions))).astype(np.int64)
        texts = self._texts(robots)
        self.driver.begin(robots, seeds, texts)
        started = self._sim.reset(robots, seeds, texts)
        self._senses.start(robots, started)
        if self.trace is not None:
            self.trace.observe(robots, self.book.step[robots], started)

    def _act(self, parts: list[Part]) -> NDArray[np.float32]:
        """Have all parts begin their step; the sampled actions (k, A)."""
        chosen = [self._sight.act(part) for part in parts]
        sampled = []
        for part, choose in zip(parts, chosen, strict=True):
            action = choose()
            if not (finite := np.isfinite(action)).all():  # the limits would let NaN through
                raise LearningError(
                    f"The policy sampled {action[~finite][0]} as a value of an action, which no "
                    f"robot is sent: its weights are damaged; start from an earlier checkpoint."
                )
            sampled.append(action)
            self._sim.begin(part.robots, self._limited(action))
        return _joined(sampled)

    def _meet(self, parts: list[Part]) -> tuple[NDArray[np.bool_] | None, _Distance, _Distance]:
        """What the parts met in their step: success and d before and after, (k,) each."""
        moved, verdicts, success = [], [], []
        details = bool(self._announcer) or self.plan.collect
        for part in parts:
            transition = self._sim.finish()
            moved.append((part.robots, transition.observation))
            success.append(transition.success)
            if self.trace is not None:
                step = self.book.step[part.robots] + 1
                self.trace.observe(part.robots, step, transition.observation)
            after = self._senses.after(part.observation, transition.observation)
            verdicts.append(self._sight.meet(part, after, details=details))
        self._senses.move(moved)
        judged = [self._judged(p, say()) for p, say in zip(parts, verdicts, strict=True) if say]
        return (
            _joined([known for known in success if known is not None])
            if self._knows_success
            else None,
            _joined([past for past, _ in judged]) if judged else None,
            _joined([now for _, now in judged]) if judged else None,
        )

    def _parts(self, rows: _Rows, before: Observation, instructions: Instructions) -> list[Part]:
        """What moves, group by group."""
        assert len(rows), "nobody moves"
        fresh = self.book.fresh[rows]
        if not len(self._first):
            return [Part(rows, np.flatnonzero(fresh), before, instructions)]
        shares = np.split(np.arange(len(rows)), np.searchsorted(rows, self._first))
        return [
            Part(rows[i], np.flatnonzero(fresh[i]), take(before, i), instructions.rows(i))
            for i in shares
            if len(i)
        ]

    def _judged(
        self, part: Part, verdict: Verdict
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Keep the judge's word on robots that moved; d before and after, (k,)."""
        rows, fresh, k = part.robots, part.fresh, len(part.robots)
        self._distance[rows[fresh]] = verdict.distance[k:]
        before_action = self._distance[rows]
        self._distance[rows] = verdict.distance[:k]
        if self.trace is not None:
            step, spread = self.book.step[rows], verdict.spread
            first, later = (None, None) if spread is None else (spread[k:], spread[:k])
            self.trace.judge(rows[fresh], step[fresh], verdict.distance[k:], first)
            self.trace.judge(rows, step + 1, verdict.distance[:k], later)
        if self._announcer:
            self._announcer.judged(rows, verdict)
        return before_action, verdict.distance[:k]

    def _limited(self, action: NDArray[np.float32]) -> NDArray[np.float32]:
        """(..., A) cut to the task's limits. Half the cost of `np.clip` on short vectors."""
        limited: NDArray[np.float32] = np.minimum(np.maximum(action, self._low), self._high)
        return limited

    def _texts(self, robots: _Rows | slice = slice(None)) -> list[str]:
        """The instruction of each of these robots."""
        return [self.plan.instructions[i] for i in self.instruction[robots].tolist()]

    def _episode(self, endings: Endings, i: int, iteration: int) -> Episode:
        """The i-th of the episodes that just ended, cut out of the trace."""
        assert self.trace is not None
        assert self.trace.sampled is not None
        robot, length = int(endings.robot[i]), int(endings.steps[i])
        judged, arrived = self._judge is not None, int(self.book.success_step[robot])
        return Episode(
            uid=self.book.uid(robot),
            robot=robot,
            instruction=self.plan.instructions[self.instruction[robot]],
            seed=int(self.book.seed[robot]),
            observation={
                name: array[robot, : length + 1].copy()
                for name, array in self.trace.observation.items()
            },
            action=self._limited(self.trace.sampled[robot, :length]),
            distance=self.trace.distance[robot, : length + 1].copy() if judged else None,
            spread=self.trace.spread[robot, : length + 1].copy() if judged else None,
            ended_by=ENDED_BY[endings.ended_by[i]],
            detector_success=bool(endings.detector[i]) if judged else None,
            true_success=bool(endings.true_success[i]) if self._knows_success else None,
            iteration=iteration,
            success_step=arrived if arrived >= 0 else None,
        )

    def _announce(
        self, rows: _Rows, sampled: NDArray[np.float32], ended: _Rows, iteration: int
    ) -> None:
        """Tell the sinks, before ended robots start anew; robots that wait are sent nothing."""
        action = np.zeros((self.plan.num_robots, sampled.shape[1]), dtype=np.float32)
        action[rows] = self._limited(sampled)
        self._announcer.tell(
            self.book,
            self._senses.now,
            action,
            ended,
            iteration=iteration,
            instructions=self._texts(),
            bin_centres=self._judge.bin_centres if self._judge else None,
            knows_success=self._knows_success,
        )


def _joined(parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """One after the other; a single part is not copied."""
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
