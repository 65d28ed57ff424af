"""Uploads that come in pieces and may be interrupted; each ends as a dataset."""

import uuid

from django.conf import settings
from django.db import models

from practice.models.datasets import Dataset
from practice.models.tasks import Task
from practice.querysets import UploadQuerySet


class Upload(models.Model):
    """One file on its way in. Its bytes lie in `storage.partial_upload` until it is whole."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    task = models.ForeignKey(Task, on_delete=models.PROTECT, related_name="+")
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="uploads"
    )
    filename = models.CharField(max_length=255)
    name = models.CharField(max_length=160, blank=True)
    size = models.BigIntegerField()
    """Of the whole file, bytes."""
    received = models.BigIntegerField(default=0)
    """Bytes that are safely on the disk."""
    sha256 = models.CharField(max_length=64, blank=True)
    """What the sender says it is; empty where nothing was said."""
    dataset = models.ForeignKey(
        Dataset, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    """What it became."""
    expires_at = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True)

    objects = UploadQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.filename
