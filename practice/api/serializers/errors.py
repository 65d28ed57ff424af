"""The one shape of an error, for the schema."""

from typing import Any

from rest_framework import serializers


class ErrorBodySerializer(serializers.Serializer[Any]):
    """What went wrong."""

    code = serializers.CharField(help_text='For programs, as "invalid" or "not_found".')
    message = serializers.CharField(help_text="A sentence for people.")
    fields = serializers.DictField(  # type: ignore[assignment]  # the wire's word; also a name of REST framework
        child=serializers.CharField(), help_text="What is wrong, per field."
    )


class ErrorSerializer(serializers.Serializer[Any]):
    """Every error of this API."""

    error = ErrorBodySerializer()
