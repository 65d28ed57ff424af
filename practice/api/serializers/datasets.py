"""Shapes of datasets."""

from typing import Any

from rest_framework import serializers

from practice.api.serializers.base import Given, PersonField
from practice.models import Dataset, Task


class DatasetSerializer(serializers.ModelSerializer[Dataset]):
    """A dataset, without its report."""

    task = serializers.SlugRelatedField[Any](slug_field="slug", read_only=True)
    query = serializers.DictField(
        help_text="The filter of a selection, without what it leaves at its default; else empty."
    )
    episodes_kept = serializers.IntegerField(help_text="Of a selection: what it takes now.")
    frames = serializers.IntegerField(help_text="Control steps; of a selection: what it takes now.")
    error = serializers.CharField(help_text="One sentence when nothing could be kept.")
    progress = serializers.FloatField(help_text="Of the validation, in [0, 1].")
    created_by = PersonField()

    class Meta:
        model = Dataset
        fields = [
            "id",
            "task",
            "kind",
            "name",
            "query",
            "state",
            "progress",
            "error",
            "size_bytes",
            "sha256",
            "episodes_kept",
            "episodes_refused",
            "frames",
            "created_by",
            "created_at",
            "ready_at",
        ]
        read_only_fields = fields


class DatasetDetailSerializer(DatasetSerializer):
    """A dataset with the report of its validation."""

    report = serializers.DictField(
        help_text="Findings and episodes, each kept or refused with its reasons; empty until validated."
    )

    class Meta(DatasetSerializer.Meta):
        fields = [*DatasetSerializer.Meta.fields, "report"]
        read_only_fields = fields


class UploadGiven(Given):
    """A LeRobotDataset v3.0 folder packed as one .zip, .tar, .tar.gz or .tgz."""

    task = serializers.SlugRelatedField[Any](
        slug_field="slug", queryset=Task.objects.all(), help_text="The task's slug."
    )
    name = serializers.CharField(required=False, allow_blank=True, max_length=160)
    file = serializers.FileField(max_length=255, allow_empty_file=True)
