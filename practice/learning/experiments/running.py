"""An experiment from its first stage to its figures. Run twice, the second time finds everything."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from practice.learning.experiments.experiment import Arm, Candidate, Experiment
from practice.learning.experiments.marks import JudgeRow, judge_run
from practice.learning.experiments.scales import Scale
from practice.learning.experiments.stages import Stage, Stage2
from practice.learning.experiments.summary import Judged, Row, SeedRun
from practice.learning.experiments.workshop import Made, Workshop

Progress = Callable[[str, float], None]
"""Called with a sentence and the share done, 0 to 1."""

Say = Callable[[str], None]
"""Called with a line when a stage is finished; never for one that was found."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What an experiment found."""

    experiment: Experiment
    scale: Scale
    seeds: tuple[int, ...]
    rows: dict[str, Row]
    minutes: float
    """Of work on its stages, each counted once."""

    devices: tuple[str, ...]
    stages: dict[str, dict[str, Any]]
    """Digest -> everything that stage follows from."""

    judges: dict[str, JudgeRow] = field(default_factory=dict)
    """Those examined, by name."""

    @property
    def goals(self) -> list[dict[str, Any]]:
        """Each goal, and whether it is reached."""
        return [goal.check(self.rows) for goal in self.experiment.goals]

    def to_json(self) -> dict[str, Any]:
        """Everything."""
        asked = self.experiment
        return {
            "experiment": asked.name,
            "title": asked.title,
            "question": asked.question,
            "paper": asked.paper,
            "scale": self.scale.name,
            "seeds": list(self.seeds),
            "goals": self.goals,
            "rows": [row.to_json() for row in self.rows.values()],
            "judges": [row.to_json() for row in self.judges.values()],
            "minutes": round(self.minutes, 2),
            "devices": list(self.devices),
            "stages": self.stages,
        }


def run(
    experiment: Experiment,
    scale: Scale,
    seeds: Sequence[int],
    shop: Workshop,
    *,
    progress: Progress | None = None,
    say: Say | None = None,
) -> Finding:
    """Make what is missing, then sum up.

    Raises:
        LearningError: an embodiment or preset is not known, or a stage fails.
    """
    arms = {seed: tuple(experiment.arms(scale, seed)) for seed in seeds}
    candidates = {seed: tuple(experiment.candidates(scale, seed)) for seed in seeds}
    todo = _todo({seed: (*arms[seed], *candidates[seed]) for seed in seeds})
    made: dict[str, Made] = {}
    for i, (digest, (seed, name, stage)) in enumerate(todo.items()):
        prefix = f"seed {seed}, {name}: {stage.label}"
        if progress is not None:
            shop.tell = _teller(progress, prefix, i, len(todo))
        new = shop.found(stage) is None
        made[digest] = shop.make(stage)
        if new and say is not None:
            say(f"{prefix}{_outcome(made[digest])} ({made[digest].seconds / 60:.1f} min)")
    first = arms[seeds[0]]
    return Finding(
        experiment,
        scale,
        tuple(seeds),
        {arm.name: _row(i, arms, made) for i, arm in enumerate(first)},
        sum(one.seconds for one in made.values()) / 60,
        tuple(sorted({one.device for one in made.values()})),
        {digest: stage.to_json() for digest, (_, _, stage) in todo.items()},
        {one.name: _judged(i, candidates, made) for i, one in enumerate(candidates[seeds[0]])},
    )


def _todo(
    asked: Mapping[int, Sequence[Arm | Candidate]],
) -> dict[str, tuple[int, str, Stage]]:
    """Digest -> seed, arm and stage, in the order of work; what is shared is there once."""
    todo: dict[str, tuple[int, str, Stage]] = {}
    for seed, its in asked.items():
        for one in its:
            for stage in one.stages.values():
                todo.setdefault(stage.digest, (seed, one.name, stage))
    return todo


def _teller(
    progress: Progress, prefix: str, done: int, total: int
) -> Callable[[Stage, float, str], None]:
    """Progress of one stage as progress of the whole."""

    def tell(stage: Stage, share: float, words: str) -> None:
        said = f"{prefix}, {words}" if words else prefix
        progress(said, (done + min(share, 1.0)) / total)

    return tell


def _outcome(made: Made) -> str:
    """The figure people wait for."""
    success = made.result.get("success", made.result.get("best", {}).get("eval_success"))
    return "" if success is None else f", success {success:.1%}"


def _row(i: int, arms: dict[int, tuple[Arm, ...]], made: dict[str, Made]) -> Row:
    """The i-th arm over all seeds."""
    arm = next(iter(arms.values()))[i]
    runs = tuple(_seed_run(seed, its[i], made) for seed, its in arms.items())
    return Row(arm.name, arm.demonstrations, arm.paper, arm.paper_episodes, runs)


def _judged(
    i: int, candidates: dict[int, tuple[Candidate, ...]], made: dict[str, Made]
) -> JudgeRow:
    """The i-th candidate over all seeds."""
    runs = []
    for seed, its in candidates.items():
        parts = {part: made[stage.digest] for part, stage in its[i].stages.items()}
        runs.append(
            judge_run(
                seed,
                {part: one.result for part, one in parts.items()},
                minutes=sum(one.seconds for one in parts.values()) / 60,
                stages={part: stage.digest for part, stage in its[i].stages.items()},
            )
        )
    one = next(iter(candidates.values()))[i]
    return JudgeRow(one.name, one.demonstrations, tuple(runs))


def _seed_run(seed: int, arm: Arm, made: dict[str, Made]) -> SeedRun:
    parts = {part: made[stage.digest] for part, stage in arm.stages.items()}
    config = arm.end.config if isinstance(arm.end, Stage2) else None
    practice = parts["end"] if config else None
    kept = practice.result["best_iteration"] if practice else 0
    curve = practice.curve if practice else []
    at = {int(entry["iteration"]): int(entry["episodes"]) for entry in curve}
    return SeedRun(
        seed=seed,
        before=Judged.of(parts["before"].result),
        after=Judged.of(parts["after"].result),
        curve=[entry for entry in curve if "eval_success" in entry],
        evaluated_episodes=config.evaluate_episodes if config else 0,
        practice_episodes=int(practice.result["episodes"]) if practice else 0,
        kept_at=at.get(kept, 0),
        minutes=sum(one.seconds for one in parts.values()) / 60,
        stages={part: stage.digest for part, stage in arm.stages.items()},
    )
