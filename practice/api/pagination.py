"""Lists come in bounded pages."""

from typing import Any

from rest_framework.exceptions import ValidationError
from rest_framework.pagination import LimitOffsetPagination
from rest_framework.request import Request
from rest_framework.views import APIView

MAX_LIMIT = 200
MAX_OFFSET = 10_000_000


class Pages(LimitOffsetPagination):
    """?limit= (1 to 200, else 50) and ?offset=; a value out of range is refused, not bent."""

    default_limit = 50
    max_limit = MAX_LIMIT

    def get_limit(self, request: Request) -> int:
        """Rows per page."""
        return _bounded(request, "limit", default=self.default_limit, lowest=1, highest=MAX_LIMIT)

    def get_offset(self, request: Request) -> int:
        """Rows to pass over."""
        return _bounded(request, "offset", default=0, lowest=0, highest=MAX_OFFSET)

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        """The two query parameters with their bounds."""
        return [
            _parameter("limit", "Rows per page.", default=50, minimum=1, maximum=MAX_LIMIT),
            _parameter("offset", "Rows to pass over.", default=0, minimum=0, maximum=MAX_OFFSET),
        ]


def _bounded(request: Request, name: str, *, default: int, lowest: int, highest: int) -> int:
    text = request.query_params.get(name)
    if text is None:
        return default
    if not (
        text.isascii() and text.isdigit() and len(text) < 20 and lowest <= int(text) <= highest
    ):
        raise ValidationError(
            {name: f"Must be a whole number from {lowest} to {highest}, not {text[:40]!r}."}
        )
    return int(text)


def _parameter(name: str, text: str, **bounds: int) -> dict[str, Any]:
    return {
        "name": name,
        "in": "query",
        "required": False,
        "description": text,
        "schema": {"type": "integer", **bounds},
    }
