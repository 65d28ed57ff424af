"""Shapes of tasks."""

from typing import Any

from rest_framework import serializers

from practice.api.serializers.base import Given, PersonField
from practice.models import Task
from practice.services.tasks import MAX_INSTRUCTIONS, TaskFields


class TaskSerializer(serializers.ModelSerializer[Task]):
    """A task."""

    instructions = serializers.ListField(
        child=serializers.CharField(), help_text="Goal texts g; an episode draws one."
    )
    horizon = serializers.IntegerField(help_text="Longest episode, control steps.")
    threshold = serializers.FloatField(help_text="s: the detector fires at d(o, g) <= s, steps.")
    limits = serializers.DictField(
        child=serializers.FloatField(), help_text="Safety limits by the embodiment's names."
    )
    created_by = PersonField()

    class Meta:
        model = Task
        fields = [
            "id",
            "slug",
            "name",
            "description",
            "embodiment",
            "instructions",
            "control_hz",
            "horizon",
            "threshold",
            "limits",
            "recording",
            "recording_share",
            "recording_quota_mb",
            "created_by",
            "created_at",
            "updated_at",
            "archived_at",
        ]
        read_only_fields = fields


class TaskGiven(Given):
    """What defines a task. What is left out, or null, takes the embodiment's default."""

    name = serializers.CharField(max_length=120)
    slug = serializers.RegexField(
        r"^[-a-zA-Z0-9_]+$", max_length=60, help_text="Part of addresses; letters, digits, - and _."
    )
    embodiment = serializers.CharField(max_length=120, help_text="As /api/embodiments/ lists them.")
    description = serializers.CharField(required=False, allow_blank=True, max_length=10_000)
    instructions = serializers.ListField(
        child=serializers.CharField(max_length=2_000),
        required=False,
        max_length=MAX_INSTRUCTIONS,
        help_text="Goal texts g; an episode draws one.",
    )
    control_hz = serializers.FloatField(
        required=False,
        allow_null=True,
        min_value=0.1,
        max_value=1000,
        help_text="Actions per second.",
    )
    horizon = serializers.IntegerField(
        required=False,
        allow_null=True,
        min_value=1,
        max_value=100_000,
        help_text="Longest episode, control steps.",
    )
    threshold = serializers.FloatField(
        required=False,
        allow_null=True,
        min_value=0,
        help_text="s: the detector fires at d(o, g) <= s, steps.",
    )
    limits = serializers.DictField(
        child=serializers.FloatField(),
        required=False,
        help_text="Safety limits by the embodiment's names.",
    )
    recording = serializers.ChoiceField(
        Task.Recording.choices,
        required=False,
        help_text="Which practice episodes keep their frames; every episode keeps its row.",
    )
    recording_share = serializers.FloatField(
        required=False,
        min_value=0,
        max_value=1,
        help_text="Share of the episodes that is kept, where they are sampled.",
    )
    recording_quota_mb = serializers.IntegerField(
        required=False,
        allow_null=True,
        min_value=1,
        help_text="Most MB that recordings may take; then recording pauses. Null: no quota.",
    )


def task_fields(given: dict[str, Any], task: Task | None = None) -> TaskFields:
    """What the service takes: the body, over the values that `task` has now."""
    names: list[str] = list(TaskGiven().fields)
    now = {} if task is None else {name: getattr(task, name) for name in names}
    return TaskFields(**{**now, **given})
