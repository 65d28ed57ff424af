"""Checkpoints that come in from outside and go out to the Hub: one row a journey, which says how it stands."""

from django.conf import settings
from django.db import models

from practice.models.checkpoints import Checkpoint
from practice.models.tasks import Task
from practice.models.work import Leased
from practice.querysets import VisibleQuerySet


class Transfer(Leased):
    """What both have: a state, a lease, a person, and a sentence where it failed."""

    class State(models.TextChoices):
        QUEUED = "queued"
        WORKING = "working"
        DONE = "done"
        FAILED = "failed"

    state = models.CharField(max_length=8, choices=State.choices, default=State.QUEUED)
    error = models.TextField(blank=True)
    """One sentence when it failed."""
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        abstract = True


class CheckpointImport(Transfer):
    """A checkpoint from outside, hostile until a job has checked it; then a checkpoint without a run."""

    task = models.ForeignKey(Task, on_delete=models.PROTECT, related_name="checkpoint_imports")
    kind = models.CharField(max_length=8, choices=Checkpoint.Kind.choices)
    """As what it is to serve: every checkpoint answers both questions."""
    name = models.CharField(max_length=160)
    source = models.JSONField(default=dict)
    """{"kind": "upload", "filename"} or {"kind": "hub", "repo", "revision", "commit"}"""
    progress = models.FloatField(default=0.0)
    """Share that is done, in [0, 1]."""
    upload_key = models.CharField(max_length=200, blank=True)
    """Of an uploaded .zip until it is over."""
    checkpoint = models.ForeignKey(
        Checkpoint, null=True, blank=True, on_delete=models.PROTECT, related_name="imports"
    )
    """What it became, or was already."""

    objects = VisibleQuerySet["CheckpointImport"].as_manager()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.name

    @property
    def origin(self) -> str:
        """Where it came from, in words."""
        if self.source.get("kind") != "hub":
            return str(self.source.get("filename", ""))
        revision = self.source.get("commit") or self.source.get("revision")
        return f"{self.source.get('repo')}{f'@{revision[:12]}' if revision else ''} on the Hub"


class CheckpointPush(Transfer):
    """A checkpoint on its way to a repository of the Hub."""

    checkpoint = models.ForeignKey(Checkpoint, on_delete=models.CASCADE, related_name="pushes")
    repo = models.CharField(max_length=200)
    url = models.CharField(max_length=300, blank=True)

    objects = VisibleQuerySet["CheckpointPush"].as_manager()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.checkpoint} to {self.repo}"
