"""Shapes of selections and versions."""

from typing import Any

from rest_framework import serializers

from practice.api.filters import BIGGEST_ID
from practice.api.serializers.base import Given, PersonField
from practice.models import DatasetVersion, Task, VersionMember
from practice.selectors.membership import KINDS

MAX_SOURCES = 1_000
MAX_STEPS = 2**31 - 1


def _ids(help_text: str) -> serializers.ListField:
    number = serializers.IntegerField(min_value=1, max_value=BIGGEST_ID)
    return serializers.ListField(
        child=number, required=False, max_length=MAX_SOURCES, help_text=help_text
    )


def _steps(help_text: str) -> serializers.IntegerField:
    return serializers.IntegerField(
        required=False, allow_null=True, min_value=0, max_value=MAX_STEPS, help_text=help_text
    )


def _share(help_text: str) -> serializers.FloatField:
    return serializers.FloatField(
        required=False, allow_null=True, min_value=0, max_value=1, help_text=help_text
    )


class QueryGiven(Given):
    """A filter over a task's episodes; what is left out asks for nothing."""

    kinds = serializers.ListField(
        child=serializers.ChoiceField(choices=KINDS),
        required=False,
        min_length=1,
        help_text="Both when left out.",
    )
    unapproved = serializers.BooleanField(
        required=False, help_text="Whether practice counts that nobody has approved."
    )
    labelled_success = serializers.BooleanField(
        required=False, help_text="Only what a person called a success."
    )
    datasets = _ids("Imported datasets; episodes of these or of `runs`.")
    runs = _ids("Runs; episodes of these or of `datasets`.")
    words = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=200,
        help_text="A part of the instruction, whatever its case.",
    )
    shortest = _steps("Control steps.")
    longest = _steps("Control steps.")
    idle = _share("Most share of steps in which nothing moves; the unmeasured stay out.")
    clipped = _share("Most share of action values at a bound; the unmeasured stay out.")
    duplicates = serializers.BooleanField(
        required=False, help_text="Whether near-duplicates of an earlier episode count; else true."
    )


class SelectionChange(Given):
    """Another name, another filter, or both; a filter takes the place of the whole one before."""

    name = serializers.CharField(required=False, max_length=160)
    query = QueryGiven(required=False)


class SelectionGiven(Given):
    """What makes a selection."""

    task = serializers.SlugRelatedField[Any](
        slug_field="slug", queryset=Task.objects.all(), help_text="The task's slug."
    )
    name = serializers.CharField(max_length=160)
    query = QueryGiven(required=False)


class VersionSerializer(serializers.ModelSerializer[DatasetVersion]):
    """A dataset's episodes as they were at one moment."""

    dataset = serializers.IntegerField(source="dataset_id")
    number = serializers.IntegerField(help_text="1, 2, ... within its dataset.")
    digest = serializers.CharField(help_text="sha256 over its members.")
    frames = serializers.IntegerField(help_text="Control steps that count.")
    runs = serializers.PrimaryKeyRelatedField[Any](
        many=True, read_only=True, help_text="Ids of the runs that learned from it."
    )
    created_by = PersonField()

    class Meta:
        model = DatasetVersion
        fields = [
            "id",
            "dataset",
            "number",
            "digest",
            "episodes",
            "frames",
            "runs",
            "created_by",
            "created_at",
        ]
        read_only_fields = fields


class MemberSerializer(serializers.ModelSerializer[VersionMember]):
    """One episode of a version, as it was."""

    episode = serializers.IntegerField(source="episode_id")
    first = serializers.IntegerField(help_text="The first control step that counts.")
    end = serializers.IntegerField(help_text="The step after the last.")
    instruction = serializers.CharField(help_text="The one it had then.")

    class Meta:
        model = VersionMember
        fields = ["episode", "first", "end", "instruction"]
        read_only_fields = fields
