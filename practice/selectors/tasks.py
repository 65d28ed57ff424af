"""Tasks as pages show them: the list, and one task with everything made for it."""

from dataclasses import dataclass

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery

from practice.embodiments.registry import embodiment
from practice.embodiments.spec import EmbodimentSpec, LimitSpec
from practice.errors import MissingError
from practice.learning.errors import LearningError
from practice.models import Checkpoint, Dataset, Episode, Evaluation, Run, Task
from practice.querysets import TaskQuerySet
from practice.selectors.recording import recorded_bytes, why_not_recorded
from practice.selectors.selections import count_selections

SHOWN = 12
"""Rows of each table on a task's page; the whole is one click away."""
FEW, FOLDED = 5, 8
"""So many instructions are shown where there are more than so many."""


def task_rows(person: object, *, archived: bool = False) -> TaskQuerySet:
    """Tasks with counts and the newest evaluation of each; one query."""
    newest = Evaluation.objects.filter(checkpoint__task=OuterRef("pk")).order_by("-id")
    active = Run.objects.filter(task=OuterRef("pk")).active()
    waiting = Episode.objects.filter(task=OuterRef("pk"), kind="practice", verdict="").recorded()
    rows = Task.objects.visible_to(person).filter(archived_at__isnull=not archived)
    return rows.annotate(
        dataset_count=_count(Dataset.objects.filter(task=OuterRef("pk"))),
        run_count=_count(Run.objects.filter(task=OuterRef("pk"))),
        review_count=_count(waiting),
        is_active=Exists(active),
        success=Subquery(newest.values("success")[:1]),
        ci_low=Subquery(newest.values("ci_low")[:1]),
        ci_high=Subquery(newest.values("ci_high")[:1]),
        eval_episodes=Subquery(newest.values("episodes")[:1]),
    )


def _count(rows: "QuerySet[Dataset] | QuerySet[Run] | QuerySet[Episode]") -> Subquery:
    """Count related rows in a subquery: several joined counts would multiply each other."""
    counted = rows.order_by().values("task_id").annotate(number=Count("pk"))
    return Subquery(counted.values("number"))


def find_task(person: object, slug: str) -> Task:
    """The task with this slug.

    Raises:
        MissingError: there is none, or `person` may not see it.
    """
    task = Task.objects.visible_to(person).select_related("created_by").filter(slug=slug).first()
    if task is None:
        raise MissingError(f"There is no task {slug!r}; it may have been renamed.")
    return task


def spec_of(task: Task) -> EmbodimentSpec | None:
    """The facts about the task's embodiment; None where its plug-in is no longer installed."""
    try:
        return embodiment(task.embodiment).spec
    except LearningError:
        return None


@dataclass(frozen=True, slots=True)
class Limit:
    """A safety limit of a task, with what the embodiment says about it."""

    name: str
    value: float
    spec: LimitSpec | None

    @property
    def text(self) -> str:
        """The value as short as it can be written."""
        return f"{self.value:g}"

    @property
    def label(self) -> str:
        """The name as people read it."""
        return self.name.replace("_", " ")


@dataclass(frozen=True, slots=True)
class NextStep:
    """What to do next on the way from a task to a proven policy."""

    title: str
    text: str
    action: str
    page: str
    """Name of the page's URL, which takes the task's slug."""
    query: str = ""
    dataset: int | None = None
    """The dataset whose page it is instead."""


@dataclass(frozen=True, slots=True)
class CheckpointLine:
    """A checkpoint and its newest evaluation."""

    checkpoint: Checkpoint
    evaluation: Evaluation | None


@dataclass(frozen=True, slots=True)
class TaskPage:
    """Everything on a task's page."""

    task: Task
    spec: EmbodimentSpec | None
    limits: list[Limit]
    datasets: list[Dataset]
    runs: list[Run]
    checkpoints: list[CheckpointLine]
    episodes: dict[str, int]
    """Counts by name: demonstration, practice, evaluation, waiting, approved."""
    next_step: NextStep | None
    dataset_count: int
    """Imports that brought its demonstrations."""
    recorded_bytes: int
    """What the recordings of its runs take."""
    recording_paused: str
    """Why no more frames are recorded; "" while they are."""

    @property
    def quota_bytes(self) -> int:
        """What its recordings may take; 0 where nothing bounds them."""
        return (self.task.recording_quota_mb or 0) * 10**6

    @property
    def first_instructions(self) -> list[str]:
        """A few to get the idea; all where there are hardly more."""
        texts = self.task.instructions
        return list(texts if len(texts) <= FOLDED else texts[:FEW])

    @property
    def more_instructions(self) -> list[str]:
        """The rest, which is folded away."""
        return list(self.task.instructions[len(self.first_instructions) :])

    @property
    def horizon_seconds(self) -> float:
        """The longest episode at the control rate."""
        return self.task.horizon / self.task.control_hz

    @property
    def best(self) -> Evaluation | None:
        """The newest evaluation of any checkpoint."""
        found = [line.evaluation for line in self.checkpoints if line.evaluation]
        return max(found, key=lambda e: e.pk, default=None)


def task_page(task: Task) -> TaskPage:
    """Collect a task's page; the number of queries does not depend on how much there is."""
    spec = spec_of(task)
    datasets = count_selections(task.datasets.defer("report")[:SHOWN])
    runs = list(task.runs.all()[:SHOWN])
    checkpoints = task.checkpoints.select_related("run").prefetch_related("evaluations")[:SHOWN]
    lines = [CheckpointLine(c, next(iter(c.evaluations.all()), None)) for c in checkpoints]
    known = {} if spec is None else {limit.name: limit for limit in spec.limits}
    return TaskPage(
        task=task,
        spec=spec,
        limits=[Limit(name, value, known.get(name)) for name, value in task.limits.items()],
        datasets=datasets,
        runs=runs,
        checkpoints=lines,
        episodes=_episode_counts(task),
        next_step=_next_step(task, datasets, lines),
        dataset_count=task.datasets.filter(
            kind=Dataset.Kind.IMPORTED, state=Dataset.State.READY
        ).count(),
        recorded_bytes=recorded_bytes(task),
        recording_paused=why_not_recorded(task),
    )


def _episode_counts(task: Task) -> dict[str, int]:
    kinds = {kind: Count("pk", filter=Q(kind=kind)) for kind in Episode.Kind.values}
    return Episode.objects.filter(task=task).aggregate(
        **kinds,
        waiting=Count("pk", filter=Q(kind=Episode.Kind.PRACTICE, verdict="") & ~Q(blob_key="")),
        approved=Count("pk", filter=Q(approved=True)),
    )


def _next_step(
    task: Task, datasets: list[Dataset], checkpoints: list[CheckpointLine]
) -> NextStep | None:
    if task.archived_at is not None:
        return None
    imported = [d for d in datasets if d.kind == Dataset.Kind.IMPORTED]
    if not any(d.state == Dataset.State.READY for d in imported):
        return _upload_step(imported)
    states = set(task.runs.order_by().values_list("kind", "state").distinct())
    if any(state in {"queued", "running", "paused"} for _, state in states):
        return None
    done = {kind for kind, state in states if state == Run.State.SUCCEEDED}
    if not checkpoints:
        return STAGE_1
    if Run.Kind.PRACTICE not in done:
        return STAGE_2
    # Newest first; the bests that a run left behind need no measuring.
    policies = [line for line in checkpoints if line.checkpoint.kind == Checkpoint.Kind.POLICY]
    unproven = bool(policies) and policies[0].evaluation is None
    return _evaluation_step(policies[0].checkpoint) if unproven else None


STAGE_1 = NextStep(
    "Fine-tune the model: Stage 1",
    "Behavioural cloning and steps-to-go prediction on the demonstrations.",
    "Start Stage 1",
    "run_new",
    "?kind=sft",
)
STAGE_2 = NextStep(
    "Let the fleet practise: Stage 2",
    "The policy improves on the model's own steps-to-go; Stage 1 gave it a start.",
    "Start practice",
    "run_new",
    "?kind=practice",
)


def _evaluation_step(checkpoint: Checkpoint) -> NextStep:
    return NextStep(
        "Measure the newest policy",
        f"{checkpoint.name} has no evaluation on fixed seeds yet.",
        "Evaluate",
        "run_new",
        f"?kind=evaluation&policy={checkpoint.pk}",
    )


def _upload_step(datasets: list[Dataset]) -> NextStep | None:
    asks = next((one for one in datasets if one.state == Dataset.State.MAPPING), None)
    if asks is not None:
        return NextStep(
            "Say which feature is which",
            f"{asks.name} calls its features otherwise than the robot does; its import waits for you.",
            "Open the dataset",
            "dataset",
            dataset=asks.pk,
        )
    under_way = {Dataset.State.QUEUED, Dataset.State.VALIDATING}
    if any(dataset.state in under_way for dataset in datasets):
        return None
    return NextStep(
        "Add demonstrations",
        "A LeRobotDataset: packed, from a folder of the server, or from the Hub. Each episode is checked, and bad ones are named.",
        "Add a dataset",
        "dataset_new",
    )
