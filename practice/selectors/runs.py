"""Runs as pages show them: the list, one run with all around it, its settings, its log."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q

from practice.errors import MissingError
from practice.learning.config import CONFIGS, SettingFact
from practice.learning.presets import Preset, presets
from practice.models import Checkpoint, Dataset, Episode, Evaluation, LogLine, Run, RunPoint
from practice.querysets import RunQuerySet
from practice.selectors.selections import count_selections
from practice.selectors.workers import crew

LOG_TAIL = 200
"""Lines of the log that a page starts with; the whole is one click away."""
NEWEST_EPISODES = 8


def run_rows(person: object, *, task: str = "", kind: str = "", state: str = "") -> RunQuerySet:
    """The runs of the list, newest first; an empty filter takes all. `state` "active" takes all that are not over."""
    rows = Run.objects.visible_to(person).select_related("task", "created_by")
    if task:
        rows = rows.filter(task__slug=task)
    if kind:
        rows = rows.filter(kind=kind)
    if state == "active":
        return rows.active()
    return rows.filter(state=state) if state else rows


def find_run(person: object, pk: int) -> Run:
    """The run of this number.

    Raises:
        MissingError: there is none, or `person` may not see it.
    """
    rows = Run.objects.visible_to(person).select_related("task", "policy__run", "reward__run")
    run = rows.select_related("created_by").filter(pk=pk).first()
    if run is None:
        raise MissingError(f"There is no run {pk}; it may have been mistyped.")
    return run


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of a run: its exact value, and the preset's where it departs."""

    fact: SettingFact
    value: Any
    preset_value: Any
    departs: bool

    @property
    def label(self) -> str:
        """The name as people read it."""
        return self.fact.name.replace("_", " ")

    @property
    def text(self) -> str:
        """The value, exact to the last digit, with its unit."""
        return self._written(self.value)

    @property
    def preset_text(self) -> str:
        """The preset's value, likewise."""
        return self._written(self.preset_value)

    def _written(self, value: Any) -> str:
        if value is None:
            return "none" if self.fact.kind == "text" else "as the task says"
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, float):
            value = repr(value).removesuffix(".0")
        return f"{value} {self.fact.unit}".rstrip()


def presets_of(kind: str, embodiment: str) -> Mapping[str, Preset]:
    """Name -> preset, the default first."""
    return presets(kind, embodiment)


def settings_of(run: Run) -> list[Setting]:
    """Every setting of the run's exact config, those of one group side by side."""
    known = presets_of(run.kind, run.task.embodiment)
    preset = known[run.preset].config.to_json() if run.preset in known else {}
    return [
        Setting(
            fact=fact,
            value=run.config[fact.name],
            preset_value=preset.get(fact.name),
            departs=fact.name in preset and run.config[fact.name] != preset[fact.name],
        )
        for facts in CONFIGS[run.kind].grouped().values()
        for fact in facts
        if fact.name in run.config
    ]


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest figures of a run: what was measured last, and over what."""

    values: dict[str, float]
    """Value key -> its newest number."""
    evaluated_at: int | None
    """Iteration of the newest evaluation."""


def newest_values(run: Run) -> Newest:
    """The newest point, completed by the newest evaluation and the newest ended episodes; three queries."""
    points = RunPoint.objects.filter(run=run).order_by("-iteration")
    last = points.first()
    ended = points.filter(values__has_key="practice_success").first()
    evaluated = points.filter(values__has_key="eval_success").first()
    values: dict[str, float] = {}
    for point in (evaluated, ended, last):
        values.update(point.values if point else {})
    return Newest(values=values, evaluated_at=evaluated.iteration if evaluated else None)


def start_evaluation(run: Run) -> Evaluation | None:
    """The newest evaluation of the policy that a practice run started from."""
    if run.kind != Run.Kind.PRACTICE or run.policy_id is None:
        return None
    return Evaluation.objects.filter(checkpoint=run.policy_id).first()


@dataclass(frozen=True, slots=True)
class EpisodeCounts:
    """How many episodes, and what people said of them."""

    total: int
    success: int
    failure: int
    unsure: int

    @property
    def unlabelled(self) -> int:
        """Without a verdict."""
        return self.total - self.success - self.failure - self.unsure


@dataclass(frozen=True, slots=True)
class RunResults:
    """What a run has brought forth."""

    checkpoints: list[Checkpoint]
    episodes: list[Episode]
    """The newest few."""
    counts: EpisodeCounts


def results_of(run: Run) -> RunResults:
    """Checkpoints, newest episodes and counts of a run."""
    verdicts = {v: Count("pk", filter=Q(verdict=v)) for v in ("success", "failure", "unsure")}
    counts = Episode.objects.filter(run=run).aggregate(total=Count("pk"), **verdicts)
    return RunResults(
        checkpoints=list(run.checkpoints.prefetch_related("evaluations")),
        episodes=list(run.episodes.order_by("-id")[:NEWEST_EPISODES]),
        counts=EpisodeCounts(**counts),
    )


def why_waiting(run: Run) -> str:
    """One sentence on why a queued run does not run yet, empty otherwise."""
    return crew().why_waiting(run) if run.state == Run.State.QUEUED else ""


def log_tail(run: Run, *, after: int = 0, limit: int = LOG_TAIL) -> list[LogLine]:
    """The newest lines with an id above `after`, oldest first."""
    return list(run.log.filter(pk__gt=after).order_by("-id")[:limit])[::-1]


def whole_log(run: Run) -> str:
    """Every line of the log as text, with its time."""
    lines = run.log.order_by("id").values_list("at", "level", "text")
    return "".join(f"{at:%Y-%m-%d %H:%M:%S}Z {level:7} {text}\n" for at, level, text in lines)


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a new run of a task may start from, the best choice first."""

    datasets: list[Dataset]
    policies: list[Checkpoint]
    rewards: list[Checkpoint]
    approved: int
    """Practice episodes that people approved for training."""


def inputs_for(task_id: int, kind: str) -> Inputs:
    """Ready datasets and checkpoints of a task; practice prefers those of the newest Stage 1."""
    datasets = Dataset.objects.filter(task=task_id, state=Dataset.State.READY)
    checkpoints = Checkpoint.objects.filter(task=task_id).select_related("run")
    found = list(checkpoints.order_by("-id"))
    practised = Episode.objects.filter(task=task_id, kind=Episode.Kind.PRACTICE)
    if kind == Run.Kind.PRACTICE:
        found.sort(key=lambda c: (c.run is None or c.run.kind != Run.Kind.SFT, -c.pk))
    return Inputs(
        datasets=count_selections(datasets),
        policies=[c for c in found if c.kind == Checkpoint.Kind.POLICY],
        rewards=[c for c in found if c.kind == Checkpoint.Kind.REWARD],
        approved=practised.filter(approved=True).count(),
    )
