"""What all serializers of bodies share. Serializers know shapes only; services know the rules."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers


class Given(serializers.Serializer[Any]):
    """A body or query that somebody sends: a field nobody knows is refused, so that a typing error is not obeyed by half."""

    def to_internal_value(self, data: Any) -> Any:
        """The checked values."""
        if isinstance(data, Mapping):
            unknown = sorted(set(data) - set(self.fields))
            if unknown:
                text = f"Unknown here; known: {', '.join(self.fields)}."
                raise serializers.ValidationError({str(name)[:80]: [text] for name in unknown[:10]})
        return super().to_internal_value(data)


class PersonField(serializers.CharField):
    """A person by user name."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"read_only": True, **kwargs})

    def to_representation(self, value: Any) -> str:
        """The user name."""
        return str(value.username)
