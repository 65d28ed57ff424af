"""Datasets: demonstrations that came in, with the report of their validation; and selections of episodes."""

from django.conf import settings
from django.db import models

from practice.models.tasks import Task
from practice.models.work import Leased
from practice.querysets import DatasetQuerySet


class Dataset(Leased):
    """A set of episodes of one task that grows and shrinks; `DatasetVersion` freezes it.

    What was imported brings its own episodes: the good ones become rows, bad ones stand in the report, and an uploaded
    original is kept unchanged. A selection has none of its own: it is a filter over the task's episodes.

    What is awaited under its lease is validation, and once it is ready the measurement of its quality.
    """

    class Kind(models.TextChoices):
        IMPORTED = "imported"
        SELECTION = "selection"

    class State(models.TextChoices):
        QUEUED = "queued"
        VALIDATING = "validating"
        MAPPING = "mapping", "needs mapping"
        """Checked; a person must say which of its features is which of the robot's."""
        READY = "ready"
        FAILED = "failed"

    task = models.ForeignKey(Task, on_delete=models.PROTECT, related_name="datasets")
    kind = models.CharField(max_length=9, choices=Kind.choices, default=Kind.IMPORTED)
    name = models.CharField(max_length=160)
    source = models.JSONField(default=dict, blank=True)
    """Where an import comes from: {"kind": "upload"}, {"kind": "folder", "path"} or {"kind": "hub", "repo", "revision"}."""
    query = models.JSONField(default=dict, blank=True)
    """What a selection takes, as `EpisodeQuery.to_json` gives it."""
    mapping = models.JSONField(default=dict, blank=True)
    """The embodiment's feature -> the dataset's, where a person has said so."""
    accept_rate = models.BooleanField(default=False)
    """Whether frames are taken as they are although the rate differs from the task's."""
    state = models.CharField(max_length=12, choices=State.choices, default=State.QUEUED)
    upload_key = models.CharField(max_length=200, blank=True)
    """The kept original; empty where there is none."""
    size_bytes = models.BigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, blank=True)
    report = models.JSONField(default=dict, blank=True)
    """The validation report, as `DatasetReport.to_json` gives it."""
    error = models.TextField(blank=True)
    """One sentence when nothing could be kept."""
    progress = models.FloatField(default=0.0)
    episodes_kept = models.PositiveIntegerField(default=0)
    episodes_refused = models.PositiveIntegerField(default=0)
    frames = models.PositiveBigIntegerField(default=0)
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


class DatasetVersion(models.Model):
    """A dataset's episodes as they were at one moment, trims included; runs and exports name versions, never datasets."""

    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    """1, 2, ... within its dataset."""
    digest = models.CharField(max_length=64)
    """sha256 over its members; an unchanged dataset makes no new version."""
    episodes = models.PositiveIntegerField()
    frames = models.PositiveBigIntegerField()
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["dataset", "number"], name="one_number_per_version"),
            models.UniqueConstraint(fields=["dataset", "digest"], name="one_version_per_content"),
        ]

    def __str__(self) -> str:
        return f"{self.dataset} v{self.number}"


class VersionMember(models.Model):
    """One episode of a version: its control steps `first` to `end`, with the instruction it then had."""

    version = models.ForeignKey(DatasetVersion, on_delete=models.CASCADE, related_name="members")
    episode = models.ForeignKey(
        "practice.Episode", on_delete=models.PROTECT, related_name="memberships"
    )
    first = models.PositiveIntegerField()
    end = models.PositiveIntegerField()
    """The step after the last."""
    instruction = models.TextField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["version", "episode"], name="one_place_per_version")
        ]

    def __str__(self) -> str:
        return f"episode {self.episode_id} in version {self.version_id}"
