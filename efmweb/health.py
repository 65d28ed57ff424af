"""`GET /health`: whether this site can work, for load balancers and people. Open to everybody."""

from collections.abc import Callable

import redis
from django.conf import settings
from django.db import Error, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

SECONDS = 2.0
"""How long Redis may take to answer."""


def database_answers() -> bool:
    """Whether the database answers a query."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error:
        return False
    return True


def redis_answers() -> bool:
    """Whether Redis answers a ping."""
    try:
        with redis.Redis.from_url(
            settings.EFM_REDIS_URL, socket_timeout=SECONDS, socket_connect_timeout=SECONDS
        ) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False


CHECKS: dict[str, Callable[[], bool]] = {"database": database_answers, "redis": redis_answers}


@require_safe
def health(_request: HttpRequest) -> HttpResponse:
    """200 when all parts answer, 503 when one does not; names the parts and nothing more."""
    parts = {name: "ok" if check() else "unreachable" for name, check in CHECKS.items()}
    well = all(state == "ok" for state in parts.values())
    response = JsonResponse(
        {"status": "ok" if well else "unavailable", **parts}, status=200 if well else 503
    )
    response.headers["Cache-Control"] = "no-store"
    return response
