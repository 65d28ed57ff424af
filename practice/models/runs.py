"""Runs (the state machine), their curves and logs, and the workers that execute them."""

from django.conf import settings
from django.db import models

from practice.models.datasets import Dataset, DatasetVersion
from practice.models.tasks import Task
from practice.querysets import RunQuerySet, WorkerQuerySet


def run_queue(device_kind: str) -> str:
    """The queue of runs that ask for `device_kind`, e.g. "gpu.h100"; the empty kind takes any device."""
    return f"gpu.{device_kind}" if device_kind else "gpu"


class Run(models.Model):
    """One SFT, practice or evaluation run.

    draft -> queued -> running <-> paused -> succeeded | failed | cancelled. Only `services.runs` and `services.leases`
    change `state`, by conditional update; a worker holds a running run by its lease.
    """

    class Kind(models.TextChoices):
        SFT = "sft", "Stage 1: SFT"
        PRACTICE = "practice", "Stage 2: Self-Improvement"
        EVALUATION = "evaluation", "Evaluation"

    class State(models.TextChoices):
        DRAFT = "draft"
        QUEUED = "queued"
        RUNNING = "running"
        PAUSED = "paused"
        SUCCEEDED = "succeeded"
        FAILED = "failed"
        CANCELLED = "cancelled"

    class Wish(models.TextChoices):
        """What a person asked of a running run and its worker has not yet carried out."""

        NONE = ""
        PAUSE = "pause"
        STOP = "stop"

    task = models.ForeignKey(Task, on_delete=models.PROTECT, related_name="runs")
    kind = models.CharField(max_length=12, choices=Kind.choices)
    name = models.CharField(max_length=160)
    state = models.CharField(max_length=12, choices=State.choices, default=State.DRAFT)
    wish = models.CharField(max_length=8, choices=Wish.choices, default=Wish.NONE, blank=True)
    preset = models.CharField(max_length=60, blank=True)
    config = models.JSONField(default=dict)
    """The exact configuration it runs with, as the config class's `to_json` gives it."""
    datasets = models.ManyToManyField(Dataset, blank=True, related_name="runs")
    versions = models.ManyToManyField(DatasetVersion, blank=True, related_name="runs")
    """Exactly which episodes Stage 1 learns from, frozen when it was launched."""
    with_approved = models.BooleanField(default=False)
    """Stage 1 also learns from the task's successful practice episodes that people approved."""
    policy = models.ForeignKey(
        "practice.Checkpoint", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    """The checkpoint the policy starts from; for an evaluation, the one evaluated."""
    reward = models.ForeignKey(
        "practice.Checkpoint", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    """The frozen reward model."""

    device_kind = models.CharField(max_length=40, blank=True)
    """Asked for, e.g. "h100" or "cpu"; empty: any."""
    device_name = models.CharField(max_length=120, blank=True)
    """The device it runs or last ran on."""
    worker = models.CharField(max_length=160, blank=True)
    lease_owner = models.CharField(max_length=64, blank=True)
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    """How often a worker has started it."""
    strikes = models.PositiveIntegerField(default=0)
    """Attempts in a row that died without a commit; too many and the run fails."""

    progress = models.FloatField(default=0.0)
    iteration = models.PositiveIntegerField(default=0)
    total_iterations = models.PositiveIntegerField(null=True, blank=True)
    env_steps = models.PositiveBigIntegerField(default=0)
    episode_count = models.PositiveIntegerField(default=0)
    recorded_bytes = models.PositiveBigIntegerField(default=0)
    """What the recordings of its episodes take."""
    seconds = models.FloatField(default=0.0)
    """Time spent working, over all attempts."""
    eta_seconds = models.FloatField(null=True, blank=True)
    commit = models.PositiveIntegerField(default=0)
    """Number of the newest durable commit; makes a repeated commit harmless."""
    resume_key = models.CharField(max_length=200, blank=True)
    result = models.JSONField(default=dict, blank=True)
    cost = models.JSONField(default=dict, blank=True)
    """What it was expected to cost when it was launched, as `Cost.to_json` gives it; empty where nobody had asked."""
    error = models.TextField(blank=True)

    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    queued_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = RunQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["state", "lease_expires_at"])]

    def __str__(self) -> str:
        return self.name

    @property
    def queue(self) -> str:
        """The queue its message goes to."""
        return run_queue(self.device_kind)

    @property
    def counted(self) -> str:
        """What `iteration` counts: steps of SFT, iterations of practice, episodes of an evaluation."""
        words = {self.Kind.SFT: "step", self.Kind.EVALUATION: "episode"}
        return words.get(self.Kind(self.kind), "iteration")

    @property
    def is_over(self) -> bool:
        """Whether it has ended for good or until a person resumes it."""
        return self.state in {self.State.SUCCEEDED, self.State.FAILED, self.State.CANCELLED}

    @property
    def is_active(self) -> bool:
        """Whether it waits for, or holds, a worker."""
        return self.state in {self.State.QUEUED, self.State.RUNNING}


class RunPoint(models.Model):
    """One point of a run's curves."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="points")
    iteration = models.PositiveIntegerField()
    env_steps = models.PositiveBigIntegerField(default=0)
    episodes = models.PositiveIntegerField(default=0)
    seconds = models.FloatField()
    """Working time since the run's start, over all attempts."""
    values = models.JSONField()

    class Meta:
        ordering = ["iteration"]
        constraints = [
            models.UniqueConstraint(fields=["run", "iteration"], name="one_point_per_iteration")
        ]

    def __str__(self) -> str:
        return f"{self.run_id} @ {self.iteration}"


class LogLine(models.Model):
    """One line of a run's log."""

    class Level(models.TextChoices):
        INFO = "info"
        WARNING = "warning"
        ERROR = "error"

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="log")
    at = models.DateTimeField(auto_now_add=True)
    level = models.CharField(max_length=8, choices=Level.choices, default=Level.INFO)
    text = models.TextField()

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.text


class Worker(models.Model):
    """A Celery worker that has been heard of: what it listens to and which devices it has."""

    name = models.CharField(max_length=160, unique=True)
    queues = models.JSONField(default=list)
    device_kind = models.CharField(max_length=40)
    device_name = models.CharField(max_length=120)
    slots = models.PositiveIntegerField(default=1)
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()

    objects = WorkerQuerySet.as_manager()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
