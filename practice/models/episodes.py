"""Episodes and the labels people give them."""

from django.conf import settings
from django.db import models

from practice.models.checkpoints import Checkpoint
from practice.models.datasets import Dataset
from practice.models.runs import Run
from practice.models.tasks import Task
from practice.querysets import EpisodeQuerySet


class Verdict(models.TextChoices):
    """What a person says of an episode."""

    SUCCESS = "success"
    FAILURE = "failure"
    UNSURE = "unsure"


class Episode(models.Model):
    """One episode; its rows (observations, actions, d) lie in a parquet shard at `blob_key`."""

    class Kind(models.TextChoices):
        DEMONSTRATION = "demonstration"
        PRACTICE = "practice"
        EVALUATION = "evaluation"

    task = models.ForeignKey(Task, on_delete=models.PROTECT, related_name="episodes")
    kind = models.CharField(max_length=14, choices=Kind.choices)
    dataset = models.ForeignKey(
        Dataset, null=True, blank=True, on_delete=models.PROTECT, related_name="episodes"
    )
    run = models.ForeignKey(
        Run, null=True, blank=True, on_delete=models.PROTECT, related_name="episodes"
    )
    checkpoint = models.ForeignKey(
        Checkpoint, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    """The policy the run started from."""
    uid = models.CharField(max_length=60)
    """Unique within its run or dataset, and the same when a resumed run lives it again."""
    robot = models.PositiveIntegerField(default=0)
    iteration = models.PositiveIntegerField(default=0)
    instruction = models.TextField()
    seed = models.BigIntegerField(default=0)
    length = models.PositiveIntegerField()
    """Control steps."""
    ended_by = models.CharField(max_length=10, blank=True)
    detector_success = models.BooleanField(null=True)
    true_success = models.BooleanField(null=True)
    """What a simulator knows; null where nobody knows."""
    d_start = models.FloatField(null=True)
    d_end = models.FloatField(null=True)
    """Predicted steps-to-go at the first and last frame, control steps."""
    spread_end = models.FloatField(null=True)
    doubt = models.FloatField(default=0.0)
    """How much a person's look is worth, in [0, 1]; the review queue is sorted by it."""
    blob_key = models.CharField(max_length=200)
    first_row = models.PositiveBigIntegerField()
    rows = models.PositiveIntegerField()
    verdict = models.CharField(max_length=8, choices=Verdict.choices, blank=True)
    """The newest label's verdict."""
    approved = models.BooleanField(null=True)
    """Whether a person approved it for training; null: nobody has said."""
    recorded_at = models.DateTimeField(auto_now_add=True)

    objects = EpisodeQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["run", "uid"], name="one_row_per_run_episode"),
            models.UniqueConstraint(fields=["dataset", "uid"], name="one_row_per_dataset_episode"),
        ]
        indexes = [
            models.Index(fields=["task", "kind", "verdict", "-doubt"], name="review_queue"),
            models.Index(fields=["run", "-id"], name="newest_of_run"),
        ]

    def __str__(self) -> str:
        return f"episode {self.pk}"


class Label(models.Model):
    """One verdict by one person at one time; a changed mind adds a row."""

    episode = models.ForeignKey(Episode, on_delete=models.CASCADE, related_name="labels")
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="labels"
    )
    verdict = models.CharField(max_length=8, choices=Verdict.choices)
    note = models.TextField(blank=True)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.verdict} by {self.by}"
