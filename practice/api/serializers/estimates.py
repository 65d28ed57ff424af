"""Shapes of estimates of what a run would cost."""

from typing import Any

from rest_framework import serializers

from practice.api.serializers.base import PersonField
from practice.models import Estimate


class PartSerializer(serializers.Serializer[Any]):
    """One of the things that the run would do again and again."""

    name = serializers.CharField()
    count = serializers.IntegerField(help_text="How often, at most.")
    seconds = serializers.FloatField(help_text="Each, the median.")
    low = serializers.FloatField(help_text="Each, the lower quartile.")
    high = serializers.FloatField(help_text="Each, the upper quartile.")


class MemorySerializer(serializers.Serializer[Any]):
    """Bytes on the training device."""

    weights = serializers.IntegerField()
    gradients = serializers.IntegerField()
    moments = serializers.IntegerField()
    activations = serializers.IntegerField()
    average = serializers.IntegerField(help_text="The moving average of what is trained.")
    looked = serializers.IntegerField(help_text="What was seen in demonstrations, kept.")
    pictures = serializers.IntegerField(help_text="Pictures of demonstrations.")


class CostSerializer(serializers.Serializer[Any]):
    """What a run would cost."""

    parameters = serializers.IntegerField()
    trainable = serializers.IntegerField()
    memory = MemorySerializer()
    peak_bytes = serializers.IntegerField(help_text="Most memory expected in use.")
    measured = serializers.BooleanField(
        help_text="Whether a whole step was tried; else peak_bytes is the sum of memory."
    )
    rows = serializers.IntegerField(help_text="Rows, or robots, that the model sees at once.")
    rows_probed = serializers.IntegerField(help_text="Most rows tried at once.")
    device = serializers.CharField()
    device_bytes = serializers.IntegerField()
    steps = serializers.IntegerField(help_text="Steps, iterations or episodes.")
    parts = PartSerializer(many=True)
    seconds = serializers.FloatField(help_text="All in all; 0 where nothing was tried.")
    seconds_low = serializers.FloatField()
    seconds_high = serializers.FloatField()
    problem = serializers.CharField(help_text="Why it cannot be; else empty.")


class EstimateSerializer(serializers.ModelSerializer[Estimate]):
    """What somebody asked, and what was found out."""

    task = serializers.SlugRelatedField[Any](slug_field="slug", read_only=True)
    config = serializers.DictField(help_text="The exact configuration.")
    policy = serializers.IntegerField(source="policy_id", allow_null=True)
    reward = serializers.IntegerField(source="reward_id", allow_null=True)
    cost = CostSerializer(allow_null=True, help_text="Null until it is ready.")
    error = serializers.CharField(help_text="Why nothing was found out; else empty.")
    created_by = PersonField()

    class Meta:
        model = Estimate
        fields = [
            "id",
            "task",
            "kind",
            "config",
            "with_approved",
            "rows",
            "policy",
            "reward",
            "device_kind",
            "state",
            "cost",
            "error",
            "created_by",
            "created_at",
        ]
        read_only_fields = fields
