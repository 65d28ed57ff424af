"""Shapes of corrections."""

from rest_framework import serializers

from practice.api.serializers.base import Given, PersonField
from practice.api.serializers.episodes import MAX_BULK
from practice.models import EpisodeEdit


class EditSerializer(serializers.ModelSerializer[EpisodeEdit]):
    """One correction of an episode; only its row was changed, never the recording."""

    episode = serializers.IntegerField(source="episode_id")
    before = serializers.DictField(help_text="Field -> value, of the fields that changed.")
    after = serializers.DictField()
    by = PersonField()
    undone_at = serializers.DateTimeField(allow_null=True, help_text="null: it stands.")

    class Meta:
        model = EpisodeEdit
        fields = ["id", "episode", "before", "after", "reason", "by", "at", "undone_at"]
        read_only_fields = fields


class EditGiven(Given):
    """What every correction may carry."""

    reason = serializers.CharField(required=False, allow_blank=True, max_length=200)


class BulkExclusionGiven(EditGiven):
    """Which episodes are left out of every set, or taken in again."""

    episodes = serializers.ListField(
        child=serializers.IntegerField(min_value=1), min_length=1, max_length=MAX_BULK
    )
    excluded = serializers.BooleanField()


class TrimGiven(EditGiven):
    """The control steps that count."""

    first = serializers.IntegerField(
        allow_null=True, min_value=0, help_text="The first that counts; null: from the start."
    )
    end = serializers.IntegerField(
        allow_null=True, min_value=0, help_text="The step after the last; null: to the end."
    )


class RewordGiven(EditGiven):
    """Another instruction."""

    instruction = serializers.CharField(max_length=2_000)


class DatasetRewordGiven(EditGiven):
    """Another instruction for all episodes of a dataset that have one."""

    instruction = serializers.CharField(
        help_text="As it is now, to the letter.", trim_whitespace=False
    )
    to = serializers.CharField(help_text="As it shall be.")
