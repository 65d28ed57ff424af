"""Shapes of datasets."""

from typing import Any

from rest_framework import serializers

from practice.api.serializers.base import Given, PersonField
from practice.models import Dataset, Task


class DatasetSerializer(serializers.ModelSerializer[Dataset]):
    """A dataset, without its report."""

    task = serializers.SlugRelatedField[Any](slug_field="slug", read_only=True)
    source = serializers.DictField(  # type: ignore[assignment]
        help_text="Where an import comes from: its kind (upload, folder or hub), and path, or repo, revision and commit."
    )
    mapping = serializers.DictField(
        child=serializers.CharField(allow_blank=True),
        help_text="The robot's feature -> the dataset's, where a person has said so.",
    )
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
            "source",
            "mapping",
            "accept_rate",
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
    """The folder of a LeRobotDataset packed as one .zip, .tar, .tar.gz or .tgz."""

    task = serializers.SlugRelatedField[Any](
        slug_field="slug", queryset=Task.objects.all(), help_text="The task's slug."
    )
    name = serializers.CharField(required=False, allow_blank=True, max_length=160)
    file = serializers.FileField(max_length=255, allow_empty_file=True)


class FolderGiven(Given):
    """A dataset in an allowed folder of the server."""

    task = serializers.SlugRelatedField[Any](
        slug_field="slug", queryset=Task.objects.all(), help_text="The task's slug."
    )
    path = serializers.CharField(max_length=4096, help_text="Absolute, on the server.")
    name = serializers.CharField(required=False, allow_blank=True, max_length=160)


class HubGiven(Given):
    """A dataset of the Hugging Face Hub."""

    task = serializers.SlugRelatedField[Any](
        slug_field="slug", queryset=Task.objects.all(), help_text="The task's slug."
    )
    repo = serializers.CharField(max_length=200, help_text="owner/name")
    revision = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=100,
        help_text="A branch, tag or commit; the main branch where left out.",
    )
    name = serializers.CharField(required=False, allow_blank=True, max_length=160)


class FoundDatasetSerializer(serializers.Serializer[Any]):
    """A folder of the server that says it is a dataset."""

    path = serializers.CharField()
    version = serializers.CharField()
    episodes = serializers.IntegerField()
    frames = serializers.IntegerField()
    fps = serializers.FloatField(help_text="Frames per second.")


class MappingGiven(Given):
    """Which of a dataset's features is which of the robot's."""

    mapping = serializers.DictField(
        child=serializers.CharField(allow_blank=True, max_length=200),
        required=False,
        help_text="The robot's feature -> the dataset's; \"\" leaves an optional one out. What is not named is taken as suggested.",
    )
    any_rate = serializers.BooleanField(
        required=False, help_text="Take frames as they are although the rates differ."
    )


class MappedFeatureSerializer(serializers.Serializer[Any]):
    """One feature of the robot, and what the dataset has for it."""

    feature = serializers.CharField(source="choice.feature", help_text="The robot's name.")
    kind = serializers.ChoiceField(source="choice.kind", choices=["camera", "numeric"])
    shape = serializers.ListField(source="choice.shape", child=serializers.IntegerField())
    unit = serializers.CharField()
    optional = serializers.BooleanField(source="choice.optional")
    chosen = serializers.CharField(
        source="choice.chosen", help_text="The dataset's feature; empty where none is chosen."
    )
    candidates = serializers.ListField(
        source="choice.candidates",
        child=serializers.CharField(),
        help_text="Those of the same shape first.",
    )
    problem = serializers.CharField(source="choice.problem", allow_null=True)
    note = serializers.CharField(source="choice.note", allow_null=True)


class MappingSerializer(serializers.Serializer[Any]):
    """How a dataset that waits for a mapping would be read."""

    features = MappedFeatureSerializer(many=True)
    rate = serializers.CharField(
        source="fit.rate", allow_null=True, help_text="How the rates differ; null when they do not."
    )
    fits = serializers.BooleanField(source="fit.ok")
