"""Tasks: what to practise."""

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from practice.querysets import TaskQuerySet


class Task(models.Model):
    """What to practise: instructions, embodiment, control rate, horizon, threshold s and safety limits."""

    class Recording(models.TextChoices):
        """Which practice episodes keep their frames; every episode keeps its row."""

        ALL = "all", "every episode"
        SAMPLED = "sampled", "a share of them, and the flagged"
        FLAGGED = "flagged", "the doubtful, and where detector and simulator disagree"

    name = models.CharField(max_length=120)
    slug = models.SlugField(max_length=60, unique=True)
    description = models.TextField(blank=True)
    embodiment = models.CharField(max_length=120)
    instructions = models.JSONField(default=list)
    """Goal texts g, a list of strings; an episode draws one."""
    control_hz = models.FloatField(validators=[MinValueValidator(0.1), MaxValueValidator(1000)])
    horizon = models.PositiveIntegerField(
        validators=[MinValueValidator(1), MaxValueValidator(100_000)]
    )
    """Longest episode, in control steps."""
    threshold = models.FloatField(validators=[MinValueValidator(0.0)])
    """s: the success detector fires when d(o, g) <= s, in control steps."""
    limits = models.JSONField(default=dict)
    """Safety limits by the embodiment's names, e.g. {"max_action": 1e-3}; enforced where the robot is."""
    recording = models.CharField(max_length=7, choices=Recording.choices, default=Recording.ALL)
    recording_share = models.FloatField(
        default=0.1, validators=[MinValueValidator(0.0), MaxValueValidator(1.0)]
    )
    """Of the episodes, where they are sampled."""
    recording_quota_mb = models.PositiveIntegerField(null=True, blank=True)
    """Most MB that recordings of this task's practice may take; then recording pauses. Null: as much as the disk has."""
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    archived_at = models.DateTimeField(null=True, blank=True)

    objects = TaskQuerySet.as_manager()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
