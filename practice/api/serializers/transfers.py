"""Shapes of checkpoints on their way in and out."""

from typing import Any

from rest_framework import serializers

from practice.models import Checkpoint, CheckpointImport, CheckpointPush, Task


class CheckpointImportSerializer(serializers.ModelSerializer[CheckpointImport]):
    """A checkpoint from outside and how its check stands."""

    task = serializers.SlugRelatedField[Any](slug_field="slug", read_only=True)
    state = serializers.CharField(help_text="queued, working, done or failed.")
    progress = serializers.FloatField(help_text="Share that is done, in [0, 1].")
    error = serializers.CharField(help_text="One sentence when it failed.")
    checkpoint = serializers.IntegerField(
        source="checkpoint_id", allow_null=True, help_text="What it became, or was already."
    )
    source = serializers.DictField(  # type: ignore[assignment]
        help_text="Where it came from."
    )
    created_by = serializers.SlugRelatedField[Any](slug_field="username", read_only=True)

    class Meta:
        model = CheckpointImport
        fields = [
            "id",
            "task",
            "kind",
            "name",
            "state",
            "progress",
            "error",
            "checkpoint",
            "source",
            "created_by",
            "created_at",
        ]
        read_only_fields = fields


class ServesGiven(serializers.Serializer[Any]):
    """What a checkpoint from outside is to be."""

    task = serializers.SlugRelatedField[Any](slug_field="slug", queryset=Task.objects.all())
    kind = serializers.ChoiceField(
        choices=Checkpoint.Kind.choices, default="policy", help_text="What it is to serve as."
    )
    name = serializers.CharField(max_length=160, required=False)


class CheckpointGiven(ServesGiven):
    """A checkpoint's .zip."""

    file = serializers.FileField(help_text="A .zip as a checkpoint's download gives it.")


class CheckpointHubGiven(ServesGiven):
    """A checkpoint of the Hub."""

    repo = serializers.CharField(max_length=200, help_text="owner/name, or owner/name@revision.")
    revision = serializers.CharField(
        max_length=100,
        required=False,
        allow_blank=True,
        help_text="A branch, a tag or a commit; the main branch when left out.",
    )


class PushGiven(serializers.Serializer[Any]):
    """Where to push a checkpoint."""

    repo = serializers.CharField(max_length=200, help_text="owner/name; private unless it exists.")


class CheckpointPushSerializer(serializers.ModelSerializer[CheckpointPush]):
    """A push to the Hub and how it stands."""

    checkpoint = serializers.IntegerField(source="checkpoint_id")
    state = serializers.CharField(help_text="queued, working, done or failed.")
    error = serializers.CharField(help_text="One sentence when it failed.")
    url = serializers.CharField(help_text="Where it is, once it is there.")
    created_by = serializers.SlugRelatedField[Any](slug_field="username", read_only=True)

    class Meta:
        model = CheckpointPush
        fields = ["id", "checkpoint", "repo", "state", "url", "error", "created_by", "created_at"]
        read_only_fields = fields
