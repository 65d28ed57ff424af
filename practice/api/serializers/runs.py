"""Shapes of runs, their curves and logs."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from practice.api.serializers.base import Given, PersonField
from practice.models import Checkpoint, LogLine, Run, RunPoint, Task

MAX_DATASETS = 100


class RunSerializer(serializers.ModelSerializer[Run]):
    """A run. `context["waiting"]` holds why the queued ones wait."""

    task = serializers.SlugRelatedField[Any](slug_field="slug", read_only=True)
    wish = serializers.CharField(help_text='"pause" or "stop" until its worker has carried it out.')
    waiting_reason = serializers.SerializerMethodField(
        help_text="Why a queued run does not run yet; else empty."
    )
    config = serializers.DictField(help_text="The exact configuration.")
    result = serializers.DictField(help_text="What it found; empty until it has succeeded.")
    datasets = serializers.PrimaryKeyRelatedField[Any](many=True, read_only=True)
    versions = serializers.PrimaryKeyRelatedField[Any](
        many=True,
        read_only=True,
        help_text="Ids of the dataset versions it learns from: exactly which episodes.",
    )
    policy = serializers.IntegerField(source="policy_id", allow_null=True)
    reward = serializers.IntegerField(source="reward_id", allow_null=True)
    progress = serializers.FloatField(help_text="In [0, 1].")
    seconds = serializers.FloatField(help_text="Time spent working, over all attempts.")
    created_by = PersonField()

    class Meta:
        model = Run
        fields = [
            "id",
            "task",
            "kind",
            "name",
            "state",
            "wish",
            "waiting_reason",
            "preset",
            "config",
            "datasets",
            "versions",
            "with_approved",
            "policy",
            "reward",
            "device_kind",
            "device_name",
            "worker",
            "attempts",
            "progress",
            "iteration",
            "total_iterations",
            "env_steps",
            "episode_count",
            "seconds",
            "eta_seconds",
            "result",
            "error",
            "created_by",
            "created_at",
            "queued_at",
            "started_at",
            "ended_at",
        ]
        read_only_fields = fields

    @extend_schema_field(serializers.CharField)
    def get_waiting_reason(self, run: Run) -> str:
        """As `selectors.waiting` says."""
        reasons: dict[int, str] = self.context["waiting"]
        return reasons[run.pk]


class RunGiven(Given):
    """What launches a run."""

    kind = serializers.ChoiceField(choices=Run.Kind.choices)
    task = serializers.SlugRelatedField[Any](
        slug_field="slug", queryset=Task.objects.all(), help_text="The task's slug."
    )
    name = serializers.CharField(required=False, allow_blank=True, max_length=160)
    preset = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=60,
        help_text="As /api/presets/ lists them; left out: the first.",
    )
    config = serializers.DictField(
        required=False, help_text="Settings that depart from the preset, by name."
    )
    datasets = serializers.ListField(
        child=serializers.IntegerField(min_value=1),
        required=False,
        max_length=MAX_DATASETS,
        help_text="Ids of ready datasets of the task; Stage 1 needs one at least.",
    )
    with_approved = serializers.BooleanField(
        required=False,
        help_text="Stage 1 also learns from the task's practice episodes that people approved.",
    )
    policy = serializers.PrimaryKeyRelatedField[Any](
        queryset=Checkpoint.objects.all(),
        required=False,
        allow_null=True,
        help_text="Id of the policy checkpoint to start from, or to evaluate.",
    )
    reward = serializers.PrimaryKeyRelatedField[Any](
        queryset=Checkpoint.objects.all(),
        required=False,
        allow_null=True,
        help_text="Id of the frozen reward model; practice needs it.",
    )
    device_kind = serializers.RegexField(
        r"^[a-z0-9-]*$",
        required=False,
        allow_blank=True,
        max_length=40,
        help_text='As "h100" or "cpu"; left out: any device.',
    )


class PointSerializer(serializers.ModelSerializer[RunPoint]):
    """One point of the curves."""

    values = serializers.DictField(child=serializers.FloatField(allow_null=True))

    class Meta:
        model = RunPoint
        fields = ["iteration", "env_steps", "episodes", "seconds", "values"]
        read_only_fields = fields


class PointsSerializer(serializers.Serializer[Any]):
    """Points in order of iteration."""

    points = PointSerializer(many=True)
    last = serializers.IntegerField(help_text="Ask ?after= this for what comes next.")
    more = serializers.BooleanField(help_text="Whether there are more already.")


class LogLineSerializer(serializers.ModelSerializer[LogLine]):
    """One line of a run's log."""

    class Meta:
        model = LogLine
        fields = ["id", "at", "level", "text"]
        read_only_fields = fields


class LogSerializer(serializers.Serializer[Any]):
    """Log lines in order."""

    lines = LogLineSerializer(many=True)
    last = serializers.IntegerField(help_text="Ask ?after= this for what comes next.")
    more = serializers.BooleanField(help_text="Whether there are more already.")


class AfterGiven(Given):
    """Where to go on."""

    after = serializers.IntegerField(required=False, min_value=0, max_value=2**31 - 1, default=0)


class LogAfterGiven(Given):
    """Where to go on."""

    after = serializers.IntegerField(required=False, min_value=0, max_value=2**63 - 1, default=0)
