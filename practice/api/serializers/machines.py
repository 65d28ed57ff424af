"""Shapes of embodiments, presets and workers."""

from typing import Any

from rest_framework import serializers

from practice.models import Run


class FeatureSerializer(serializers.Serializer[Any]):
    """One array of an observation, per step."""

    shape = serializers.ListField(child=serializers.IntegerField())
    dtype = serializers.CharField()
    names = serializers.ListField(child=serializers.CharField())
    unit = serializers.CharField()


class ObservedSerializer(FeatureSerializer):
    """One array of an observation; a camera's is (height, width, 3)."""

    privileged = serializers.BooleanField(
        help_text="Known to the simulator alone: drawn for people, no input of a model, not asked of uploads."
    )


class ActionSerializer(FeatureSerializer):
    """The action of one step, with the bounds of the robot itself."""

    low = serializers.ListField(child=serializers.FloatField())
    high = serializers.ListField(child=serializers.FloatField())


class LimitSerializer(serializers.Serializer[Any]):
    """A safety limit that a task may tighten."""

    name = serializers.CharField()
    default = serializers.FloatField()
    minimum = serializers.FloatField()
    maximum = serializers.FloatField()
    unit = serializers.CharField()
    help = serializers.CharField()


class EmbodimentSerializer(serializers.Serializer[Any]):
    """A kind of robot."""

    id = serializers.CharField()
    title = serializers.CharField()
    description = serializers.CharField()
    observation = serializers.DictField(child=ObservedSerializer())
    action = ActionSerializer()
    control_hz = serializers.FloatField()
    horizon = serializers.IntegerField(help_text="Control steps.")
    instructions = serializers.ListField(child=serializers.CharField())
    steps_to_go_bins = serializers.IntegerField()
    steps_to_go_max = serializers.FloatField(help_text="Steps.")
    default_threshold = serializers.FloatField(help_text="s, steps.")
    knows_success = serializers.BooleanField(help_text="Whether true success is known.")
    limits = LimitSerializer(many=True)
    simulated = serializers.BooleanField()


class SettingSerializer(serializers.Serializer[Any]):
    """One setting of a configuration."""

    name = serializers.CharField()
    kind = serializers.ChoiceField(choices=["int", "float", "bool", "choice", "text"])
    default = serializers.JSONField(allow_null=True)
    optional = serializers.BooleanField(help_text="Whether null is a value: as the task says.")
    choices = serializers.ListField(child=serializers.CharField())
    minimum = serializers.FloatField(allow_null=True)
    maximum = serializers.FloatField(allow_null=True)
    unit = serializers.CharField(allow_blank=True)
    help = serializers.CharField()
    group = serializers.CharField(help_text="Title of the settings it belongs to.")


class PresetSerializer(serializers.Serializer[Any]):
    """A named configuration."""

    name = serializers.CharField()
    title = serializers.CharField()
    description = serializers.CharField()
    config = serializers.DictField(help_text="Every setting.")
    asks = serializers.ListField(
        child=serializers.CharField(),
        help_text="Settings that have no value until a person gives one.",
    )


class PresetsSerializer(serializers.Serializer[Any]):
    """The presets of one kind of run on one embodiment, the default first, and what each setting means."""

    kind = serializers.ChoiceField(choices=Run.Kind.choices)
    embodiment = serializers.CharField()
    presets = PresetSerializer(many=True)
    settings = SettingSerializer(many=True)


class WorkerSerializer(serializers.Serializer[Any]):
    """A worker, and what it does now."""

    name = serializers.CharField(source="worker.name")
    queues = serializers.ListField(source="worker.queues", child=serializers.CharField())
    device_kind = serializers.CharField(source="worker.device_kind")
    device_name = serializers.CharField(source="worker.device_name")
    slots = serializers.IntegerField(source="worker.slots")
    free = serializers.IntegerField(help_text="Slots without a run.")
    alive = serializers.BooleanField(help_text="Heard of lately.")
    runs = serializers.ListField(child=serializers.IntegerField(), help_text="Ids of its runs.")
    started_at = serializers.DateTimeField(source="worker.started_at")
    seen_at = serializers.DateTimeField(source="worker.seen_at")
