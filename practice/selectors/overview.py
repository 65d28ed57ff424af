"""The overview: what the fleet does now, what waits for a person, who does the work, how full the disk is."""

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Count, Sum
from django.utils import timezone

from practice.models import Dataset, Episode, Run, RunPoint, Task
from practice.roles import Role, holds
from practice.selectors.recording import blob_volume
from practice.selectors.workers import Crew, QueueLine, crew, queue_lines, with_reasons

SHOWN = 6
"""Rows of each kind that wait for a person; the whole is one click away."""
RECENT = timedelta(days=14)
"""What failed longer ago is history: nobody waits for it any more."""


@dataclass(frozen=True, slots=True)
class ActiveRun:
    """A run that is not over, why it waits, and what it measured last."""

    run: Run
    why: str
    values: dict[str, float]


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits for a person."""

    review_count: int
    review: list[Episode]
    """The most doubtful first."""
    failed: list[Run]
    unmapped: list[Dataset]
    """Imports that ask which of their features is which of the robot's."""
    refused: list[Dataset]
    """Datasets with refused episodes, or refused as a whole, that have no newer one in their task."""

    @property
    def nothing(self) -> bool:
        """Whether nobody is needed."""
        return not (self.review_count or self.failed or self.unmapped or self.refused)


@dataclass(frozen=True, slots=True)
class Disk:
    """The volume that blobs lie on, bytes."""

    used: int
    total: int
    uploads: int
    """Of that, uploaded originals."""
    recordings: int
    """And what runs recorded."""

    @property
    def free(self) -> int:
        """What is left."""
        return self.total - self.used

    @property
    def share(self) -> float:
        """The part in use, in [0, 1]."""
        return self.used / self.total

    @property
    def tight(self) -> bool:
        """Whether practice may soon find no room."""
        return self.free < 0.05 * self.total


@dataclass(frozen=True, slots=True)
class FirstSteps:
    """The four steps from nothing to practice, and which are done."""

    task: Task | None
    """The newest task: where the next step is taken."""
    has_dataset: bool
    has_sft: bool
    has_practice: bool

    @property
    def done(self) -> int:
        """How many of the four are done."""
        return sum((self.task is not None, self.has_dataset, self.has_sft, self.has_practice))


@dataclass(frozen=True, slots=True)
class Overview:
    """The whole page."""

    live: Run | None
    """The newest practice or evaluation that runs: its robots are shown."""
    active: list[ActiveRun]
    waiting: Waiting
    crew: Crew
    queues: list[QueueLine]
    disk: Disk
    robots: int
    """Robots in motion, over all runs."""
    steps: FirstSteps | None
    """None once somebody has practised."""


def overview(person: object) -> Overview:
    """Collect the page; the number of queries does not depend on how much goes on."""
    team = crew()
    runs = list(Run.objects.visible_to(person).active().select_related("task"))
    values = _newest_values(runs)
    active = [ActiveRun(run, why, values.get(run.pk, {})) for run, why in with_reasons(runs, team)]
    moving = [run for run in runs if run.state == Run.State.RUNNING and run.kind != Run.Kind.SFT]
    return Overview(
        live=next((run for run in moving if run.kind == Run.Kind.PRACTICE), None),
        active=active,
        waiting=waiting_for_people(person),
        crew=team,
        queues=queue_lines(team),
        disk=disk(),
        robots=sum(int(run.config.get("num_robots", 0)) for run in moving),
        steps=first_steps(person),
    )


def _newest_values(runs: list[Run]) -> dict[int, dict[str, float]]:
    """Run -> values of its newest point, completed by its newest evaluation, in two queries."""
    points = (
        RunPoint.objects.filter(run__in=runs).order_by("run_id", "-iteration").distinct("run_id")
    )
    evaluated = dict(points.filter(values__has_key="eval_success").values_list("run_id", "values"))
    newest = points.values_list("run_id", "values")
    return {run_id: {**evaluated.get(run_id, {}), **values} for run_id, values in newest}


def waiting_for_people(person: object) -> Waiting:
    """Episodes to review, failed runs that nobody resumed, datasets that ask or lost episodes."""
    episodes = Episode.objects.visible_to(person).waiting_for_review()
    current = Task.objects.visible_to(person).current()
    since = timezone.now() - RECENT
    runs = Run.objects.visible_to(person).filter(state=Run.State.FAILED, ended_at__gte=since)
    imports = Dataset.objects.filter(kind=Dataset.Kind.IMPORTED)
    newest = imports.filter(created_at__gte=since).order_by("task_id", "-id").distinct("task_id")
    seen = Dataset.objects.visible_to(person).filter(task__in=current).defer("report")
    unmapped = seen.filter(state=Dataset.State.MAPPING)
    runs, datasets = runs.filter(task__in=current), seen.filter(pk__in=newest.values("pk"))
    lossy = datasets.filter(episodes_refused__gt=0) | datasets.filter(state=Dataset.State.FAILED)
    return Waiting(
        review_count=episodes.order_by().aggregate(n=Count("pk"))["n"],
        review=list(episodes.select_related("task", "run")[:SHOWN]),
        failed=list(runs.select_related("task").order_by("-ended_at")[:SHOWN]),
        unmapped=list(unmapped.select_related("task")[:SHOWN]),
        refused=list(lossy.select_related("task")[:SHOWN]),
    )


def disk() -> Disk:
    """How full the volume of the blobs is."""
    usage = blob_volume()
    uploads = Dataset.objects.aggregate(bytes=Sum("size_bytes"))["bytes"] or 0
    recorded = Run.objects.aggregate(bytes=Sum("recorded_bytes"))["bytes"] or 0
    return Disk(
        used=usage.total - usage.free,
        total=usage.total,
        uploads=int(uploads),
        recordings=int(recorded),
    )


def first_steps(person: object) -> FirstSteps | None:
    """Where a new site stands; None once a fleet has practised."""
    if not holds(person, Role.VIEWER):
        return None
    kinds = set(Run.objects.order_by().values_list("kind", "state").distinct())
    practised = (Run.Kind.PRACTICE, Run.State.SUCCEEDED) in kinds
    if practised:
        return None
    return FirstSteps(
        task=Task.objects.current().order_by("-id").first(),
        has_dataset=Dataset.objects.filter(state=Dataset.State.READY).exists(),
        has_sft=(Run.Kind.SFT, Run.State.SUCCEEDED) in kinds,
        has_practice=any(kind == Run.Kind.PRACTICE for kind, _ in kinds),
    )
