"""Shapes of exports."""

from rest_framework import serializers

from practice.api.serializers.base import Given, PersonField
from practice.models import Export


class ExportSerializer(serializers.ModelSerializer[Export]):
    """An export of one version of a dataset."""

    dataset = serializers.IntegerField(source="version.dataset_id", read_only=True)
    version = serializers.IntegerField(
        source="version.number", read_only=True, help_text="1, 2, ... within its dataset."
    )
    episodes = serializers.IntegerField(source="version.episodes", read_only=True)
    frames = serializers.IntegerField(source="version.frames", read_only=True)
    progress = serializers.FloatField(help_text="In [0, 1].")
    size_bytes = serializers.IntegerField(help_text="Of the .zip; 0 until it is ready.")
    repo = serializers.CharField(help_text="Dataset of the Hub it is pushed to; empty: nowhere.")
    error = serializers.CharField(
        help_text="One sentence when it failed, or when it is ready but could not be pushed."
    )
    created_by = PersonField()

    class Meta:
        model = Export
        fields = [
            "id",
            "dataset",
            "version",
            "episodes",
            "frames",
            "cameras",
            "state",
            "progress",
            "size_bytes",
            "repo",
            "pushed_url",
            "error",
            "created_by",
            "created_at",
            "ready_at",
        ]
        read_only_fields = fields


class ExportGiven(Given):
    """How to export."""

    cameras = serializers.ChoiceField(
        choices=Export.Cameras.choices, default=Export.Cameras.VIDEO, required=False
    )
    repo = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=200,
        default="",
        help_text="owner/name of a dataset of the Hugging Face Hub to push to as well.",
    )
