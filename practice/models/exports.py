"""Exports: a dataset version as a LeRobotDataset v3.0 for others."""

from django.conf import settings
from django.db import models

from practice.models.datasets import DatasetVersion
from practice.models.work import Leased
from practice.querysets import ExportQuerySet


class Export(Leased):
    """One .zip, written by a job and kept for download; where asked for, pushed to the Hub as well."""

    class State(models.TextChoices):
        QUEUED = "queued"
        WRITING = "writing"
        READY = "ready"
        FAILED = "failed"

    class Cameras(models.TextChoices):
        VIDEO = "video", "h264 video"
        IMAGE = "image", "pictures, exact"

    version = models.ForeignKey(DatasetVersion, on_delete=models.PROTECT, related_name="exports")
    cameras = models.CharField(max_length=5, choices=Cameras.choices, default=Cameras.VIDEO)
    state = models.CharField(max_length=8, choices=State.choices, default=State.QUEUED)
    progress = models.FloatField(default=0.0)
    blob_key = models.CharField(max_length=200, blank=True)
    size_bytes = models.BigIntegerField(default=0)
    repo = models.CharField(max_length=200, blank=True)
    """Hugging Face dataset id to push to; empty: nowhere."""
    pushed_url = models.CharField(max_length=300, blank=True)
    error = models.TextField(blank=True)
    """One sentence when it failed."""
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    ready_at = models.DateTimeField(null=True, blank=True)

    objects = ExportQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"export of {self.version}"
