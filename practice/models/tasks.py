"""Tasks: what to practise."""

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from practice.querysets import TaskQuerySet


class Task(models.Model):
    """What to practise: instructions, embodiment, control rate, horizon, threshold s and safety limits."""

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
