"""Answers as JSON."""

import math
from collections.abc import Mapping
from typing import Any

from rest_framework.renderers import JSONRenderer


class FiniteJSONRenderer(JSONRenderer):
    """JSON in which a number that is none (NaN, infinity) is null, for JSON cannot say it."""

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        """The encoded answer."""
        try:
            return super().render(data, accepted_media_type, renderer_context)
        except ValueError:
            return super().render(_finite(data), accepted_media_type, renderer_context)


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
