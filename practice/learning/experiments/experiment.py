"""What an experiment asks: arms to compare, and goals to reach."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from practice.learning.config import EvaluationConfig
from practice.learning.experiments.pretraining_stages import Examined
from practice.learning.experiments.scales import Scale
from practice.learning.experiments.stages import Stage, Stage1, Stage2, Trial
from practice.learning.experiments.summary import Row, SeedRun, difference

Rows = Mapping[str, Row]
"""Arm -> its figures."""


@dataclass(frozen=True, slots=True)
class Arm:
    """A way from a start to an end, both evaluated on the same episodes."""

    name: str
    start: Stage1
    end: Stage1 | Stage2
    embodiment: str
    """Where both are evaluated."""

    evaluation: EvaluationConfig
    paper: tuple[float, float] | None = None
    """The paper's success before and after."""

    paper_episodes: int | None = None
    """Its practice episodes."""

    @property
    def before(self) -> Trial:
        """The start's evaluation."""
        return Trial(self.start, self.embodiment, self.evaluation)

    @property
    def after(self) -> Trial:
        """The end's evaluation."""
        return Trial(self.end, self.embodiment, self.evaluation)

    @property
    def stages(self) -> dict[str, Stage]:
        """Part -> stage, in the order of work."""
        parts = {"start": self.start, "before": self.before, "end": self.end, "after": self.after}
        return {
            part: stage for part, stage in parts.items() if part != "end" or stage != self.start
        }

    @property
    def demonstrations(self) -> int:
        """That the end has learned from."""
        return (self.end if isinstance(self.end, Stage1) else self.end.start).shown.count


@dataclass(frozen=True, slots=True)
class Candidate:
    """A judge that is examined without any practice."""

    name: str
    exam: Examined

    @property
    def stages(self) -> dict[str, Stage]:
        """Part -> stage, in the order of work."""
        judge = self.exam.judge
        begun = {} if judge.pretrained is None else {"pretraining": judge.pretrained}
        return {**begun, "judge": judge, "exam": self.exam}

    @property
    def demonstrations(self) -> int:
        """That it has learned from."""
        return self.exam.judge.shown.count


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure and what it must not fall short of."""

    text: str
    measure: Callable[[Rows], float]
    limit: float
    at_least: bool = True

    def check(self, rows: Rows) -> dict[str, Any]:
        """The goal as it is reported."""
        value = self.measure(rows)
        reached = value >= self.limit if self.at_least else value <= self.limit
        return {"goal": self.text, "value": value, "limit": self.limit, "reached": reached}


@dataclass(frozen=True, slots=True)
class Experiment:
    """A question and how it is answered."""

    name: str
    title: str
    question: str
    arms: Callable[[Scale, int], Sequence[Arm]]
    """At a scale, for a training seed."""

    goals: tuple[Goal, ...] = ()
    paper: str = ""
    """What the paper found, in a sentence."""

    candidates: Callable[[Scale, int], Sequence[Candidate]] = lambda _scale, _seed: ()
    """Judges to examine, likewise."""

    figure: Literal["curves", "bars"] = "bars"
    seeds: int = 3
    """Training seeds unless said otherwise."""


def lifts(arm: str, points: float) -> Goal:
    """The mean over seeds rises by so many points."""
    return Goal(
        f"{arm}: at least {points:g} points more success",
        lambda rows: 100 * rows[arm].lift.value,
        points,
    )


def ahead(arm: str, others: Sequence[str], points: float) -> Goal:
    """One arm ends so many points above the best of others."""
    return Goal(
        f"{arm}: at least {points:g} points ahead of the best of {', '.join(others)}",
        lambda rows: (
            100 * (rows[arm].after.value - max(rows[other].after.value for other in others))
        ),
        points,
    )


def practises_at_most(episodes: int) -> Goal:
    """No seed of any arm practises longer."""
    return Goal(
        f"at most {episodes:,} practice episodes",
        lambda rows: max(run.practice_episodes for row in rows.values() for run in row.runs),
        episodes,
        at_least=False,
    )


def share_of_seeds(text: str, holds: Callable[[SeedRun], bool]) -> Goal:
    """Something holds for every seed of every arm."""

    def measure(rows: Rows) -> float:
        found = [holds(run) for row in rows.values() for run in row.runs]
        return sum(found) / len(found)

    return Goal(text, measure, 1.0)


def never_worse(run: SeedRun) -> bool:
    """The kept checkpoint is not below the start by more than chance explains."""
    return run.lift.high >= 0


def keeps_its_peak(run: SeedRun) -> bool:
    """Judged afresh, the kept checkpoint is not below the best evaluation seen in practice."""
    best = max(run.evaluated, key=lambda share: share.value or 0.0)
    return difference(best, run.after.success).high >= 0


def does_not_collapse(run: SeedRun) -> bool:
    """Practice itself does not end below where it began."""
    return difference(run.evaluated[0], run.evaluated[-1]).high >= 0
