"""Estimates: what a run would cost, found out on the device that would train it."""

from django.conf import settings
from django.db import models

from practice.learning.costs import Cost
from practice.models.checkpoints import Checkpoint
from practice.models.runs import Run, run_queue
from practice.models.tasks import Task
from practice.querysets import EstimateQuerySet


class Estimate(models.Model):
    """queued -> running -> ready | failed; a worker holds a running one by its lease. Kept for a day."""

    class State(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        READY = "ready"
        FAILED = "failed"

    task = models.ForeignKey(Task, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=12, choices=Run.Kind.choices)
    config = models.JSONField()
    """The exact configuration, as the run would keep it."""
    with_approved = models.BooleanField(default=False)
    rows = models.PositiveBigIntegerField(default=0)
    """Of the datasets that Stage 1 would learn from."""
    policy = models.ForeignKey(
        Checkpoint, null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    reward = models.ForeignKey(
        Checkpoint, null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    device_kind = models.CharField(max_length=40, blank=True)
    fingerprint = models.CharField(max_length=64, db_index=True)
    """sha256 of all that the run would be launched with, its name left out."""
    state = models.CharField(max_length=8, choices=State.choices, default=State.QUEUED)
    attempts = models.PositiveIntegerField(default=0)
    """How often a worker has begun it."""
    lease_owner = models.CharField(max_length=64, blank=True)
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    result = models.JSONField(default=dict, blank=True)
    """As `practice.learning.costs.Cost.to_json` gives it; empty until it is ready."""
    error = models.TextField(blank=True)
    """One sentence when nothing could be found out."""
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    queued_at = models.DateTimeField()

    objects = EstimateQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"estimate {self.pk}"

    @property
    def queue(self) -> str:
        """The queue its message goes to: that of the run."""
        return run_queue(self.device_kind)

    @property
    def is_pending(self) -> bool:
        """Whether it will still change."""
        return self.state in {self.State.QUEUED, self.State.RUNNING}

    @property
    def cost(self) -> Cost | None:
        """What was found out."""
        return Cost.from_json(self.result) if self.result else None
