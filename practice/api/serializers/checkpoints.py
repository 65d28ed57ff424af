"""Shapes of checkpoints and evaluations."""

from typing import Any

from rest_framework import serializers

from practice.models import Checkpoint, Evaluation


class CheckpointSerializer(serializers.ModelSerializer[Checkpoint]):
    """A checkpoint."""

    task = serializers.SlugRelatedField[Any](slug_field="slug", read_only=True)
    run = serializers.IntegerField(
        source="run_id", allow_null=True, help_text="null: it was imported."
    )
    digest = serializers.CharField(help_text="sha256, hexadecimal; names exactly these weights.")
    metrics = serializers.DictField(help_text="What was known when it was kept.")
    parents = serializers.PrimaryKeyRelatedField[Any](many=True, read_only=True)

    class Meta:
        model = Checkpoint
        fields = [
            "id",
            "task",
            "run",
            "kind",
            "name",
            "digest",
            "iteration",
            "metrics",
            "parents",
            "created_at",
        ]
        read_only_fields = fields


class ParentSerializer(serializers.ModelSerializer[Checkpoint]):
    """A checkpoint that another came from."""

    class Meta:
        model = Checkpoint
        fields = ["id", "kind", "name", "digest"]
        read_only_fields = fields


class EvaluationSerializer(serializers.ModelSerializer[Evaluation]):
    """What an evaluation found, with Wilson 95 % intervals."""

    checkpoint = serializers.IntegerField(source="checkpoint_id")
    run = serializers.IntegerField(source="run_id")
    success = serializers.FloatField(allow_null=True, help_text="True success rate in [0, 1].")
    mean_steps = serializers.FloatField(allow_null=True, help_text="Of the successful episodes.")
    precision = serializers.FloatField(allow_null=True, help_text="Of the success detector.")
    recall = serializers.FloatField(allow_null=True, help_text="Of the success detector.")
    detail = serializers.DictField()

    class Meta:
        model = Evaluation
        fields = [
            "id",
            "checkpoint",
            "run",
            "episodes",
            "first_seed",
            "success",
            "ci_low",
            "ci_high",
            "mean_steps",
            "threshold",
            "precision",
            "recall",
            "detail",
            "created_at",
        ]
        read_only_fields = fields


class CheckpointDetailSerializer(CheckpointSerializer):
    """A checkpoint with its parents and evaluations."""

    parents = ParentSerializer(many=True)  # type: ignore[assignment]  # rows instead of ids
    evaluations = EvaluationSerializer(many=True)

    class Meta(CheckpointSerializer.Meta):
        fields = [*CheckpointSerializer.Meta.fields, "evaluations"]
        read_only_fields = fields
