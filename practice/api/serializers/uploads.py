"""Shapes of uploads in pieces."""

from typing import Any

from rest_framework import serializers

from practice.api.serializers.base import Given
from practice.models import Task, Upload


class UploadSerializer(serializers.ModelSerializer[Upload]):
    """One file on its way in."""

    task = serializers.SlugRelatedField[Any](slug_field="slug", read_only=True)
    size = serializers.IntegerField(help_text="Of the whole file, bytes.")
    received = serializers.IntegerField(help_text="Bytes that are safely stored.")
    dataset = serializers.PrimaryKeyRelatedField[Any](
        read_only=True, allow_null=True, help_text="What it has become; null until it is whole."
    )

    class Meta:
        model = Upload
        fields = [
            "id",
            "task",
            "filename",
            "name",
            "size",
            "received",
            "sha256",
            "dataset",
            "expires_at",
            "created_at",
        ]
        read_only_fields = fields


class MetadataGiven(Given):
    """What `Upload-Metadata` must and may say."""

    task = serializers.SlugRelatedField[Any](slug_field="slug", queryset=Task.objects.all())
    filename = serializers.CharField(max_length=255)
    name = serializers.CharField(required=False, allow_blank=True, max_length=160)
    sha256 = serializers.RegexField(r"^[0-9a-f]{64}$", required=False)
