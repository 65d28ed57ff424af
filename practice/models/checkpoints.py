"""Checkpoints with their lineage, and what evaluations found."""

from django.db import models

from practice.models.runs import Run
from practice.models.tasks import Task
from practice.querysets import CheckpointQuerySet


class Checkpoint(models.Model):
    """Weights with their description, stored by digest; `parents` are the checkpoints it came from."""

    class Kind(models.TextChoices):
        POLICY = "policy"
        REWARD = "reward", "reward model"

    task = models.ForeignKey(Task, on_delete=models.PROTECT, related_name="checkpoints")
    run = models.ForeignKey(
        Run, null=True, blank=True, on_delete=models.PROTECT, related_name="checkpoints"
    )
    """None: it was imported; `imports` says by whom and from where."""
    kind = models.CharField(max_length=8, choices=Kind.choices)
    name = models.CharField(max_length=160)
    digest = models.CharField(max_length=64, db_index=True)
    """sha256 over manifest and weights, hexadecimal."""
    blob_key = models.CharField(max_length=200)
    iteration = models.PositiveIntegerField(default=0)
    metrics = models.JSONField(default=dict)
    """What was known when it was kept, e.g. validation losses or the evaluation that made it the best."""
    parents = models.ManyToManyField("self", symmetrical=False, blank=True, related_name="children")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = CheckpointQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["run", "kind", "digest"], name="one_checkpoint_per_run_kind_digest"
            ),
            models.UniqueConstraint(
                fields=["task", "kind", "digest"],
                condition=models.Q(run=None),
                name="one_imported_checkpoint_per_task_kind_digest",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Evaluation(models.Model):
    """A checkpoint's measured success over fixed seeds, with Wilson 95 % intervals."""

    checkpoint = models.ForeignKey(Checkpoint, on_delete=models.PROTECT, related_name="evaluations")
    run = models.OneToOneField(Run, on_delete=models.PROTECT, related_name="evaluation")
    episodes = models.PositiveIntegerField()
    first_seed = models.BigIntegerField()
    success = models.FloatField(null=True)
    """True success rate in [0, 1]; null where the embodiment cannot know."""
    ci_low = models.FloatField(null=True)
    ci_high = models.FloatField(null=True)
    mean_steps = models.FloatField(null=True)
    threshold = models.FloatField(null=True)
    precision = models.FloatField(null=True)
    recall = models.FloatField(null=True)
    detail = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"evaluation of {self.checkpoint_id}"
