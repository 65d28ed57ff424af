"""Who is asking: a program with a token, or a browser with a session and its CSRF token."""

import string
from datetime import timedelta
from typing import Any

from django.db.models import Q
from django.utils import timezone
from knox.auth import TokenAuthentication
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from practice.models import ApiToken, User

STAMP_EVERY = timedelta(minutes=1)
"""A token's `last_used_at` is written at most this often, so that reading costs no write per request."""

_TOKEN_CHARACTERS = frozenset(string.ascii_letters.encode() + string.digits.encode() + b"_-")


class ApiTokenAuthentication(TokenAuthentication):  # type: ignore[misc]  # knox is untyped
    """`Authorization: Token efm_…`; a read-only token may not write."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        """The person and the token, or None where the request carries no token."""
        found: tuple[User, ApiToken] | None = super().authenticate(request)
        if found is None:
            return None
        token = found[1]
        if token.read_only and request.method not in SAFE_METHODS:
            raise PermissionDenied(
                f"The token {token.name!r} may only read; use one that may write."
            )
        _stamp(token)
        return found

    def authenticate_credentials(self, token: bytes) -> Any:
        """Refuse what cannot be a token before it reaches the database."""
        if not _TOKEN_CHARACTERS.issuperset(token):
            raise AuthenticationFailed("Invalid token.")
        return super().authenticate_credentials(token)


def _stamp(token: ApiToken) -> None:
    now = timezone.now()
    if token.last_used_at is None or token.last_used_at < now - STAMP_EVERY:
        stale = Q(last_used_at=None) | Q(last_used_at__lt=now - STAMP_EVERY)
        ApiToken.objects.filter(stale, pk=token.pk).update(last_used_at=now)
