"""Datasets: uploaded demonstrations with the report of their validation."""

from django.conf import settings
from django.db import models

from practice.models.tasks import Task
from practice.querysets import DatasetQuerySet


class Dataset(models.Model):
    """One upload. The original file is kept unchanged; good episodes become rows, bad ones stand in the report."""

    class State(models.TextChoices):
        QUEUED = "queued"
        VALIDATING = "validating"
        READY = "ready"
        FAILED = "failed"

    task = models.ForeignKey(Task, on_delete=models.PROTECT, related_name="datasets")
    name = models.CharField(max_length=160)
    state = models.CharField(max_length=12, choices=State.choices, default=State.QUEUED)
    upload_key = models.CharField(max_length=200)
    size_bytes = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)
    report = models.JSONField(default=dict, blank=True)
    """The validation report, as `DatasetReport.to_json` gives it."""
    error = models.TextField(blank=True)
    """One sentence when nothing could be kept."""
    progress = models.FloatField(default=0.0)
    episodes_kept = models.PositiveIntegerField(default=0)
    episodes_refused = models.PositiveIntegerField(default=0)
    frames = models.PositiveBigIntegerField(default=0)
    lease_owner = models.CharField(max_length=64, blank=True)
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    ready_at = models.DateTimeField(null=True, blank=True)

    objects = DatasetQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.name
