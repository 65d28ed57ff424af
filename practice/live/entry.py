"""Who is at a socket: a signed-in session, or an API token in a header or the first message.

Never in the URL: addresses end up in logs. The same question is asked again while the socket is
open, so a person signed out, a token revoked or a role taken away ends it.
"""

from __future__ import annotations

from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from importlib import import_module
from typing import Any

from channels.db import database_sync_to_async
from django.conf import settings
from django.contrib.auth import get_user
from django.http import HttpRequest
from django.utils import timezone
from knox.crypto import hash_token

from practice.errors import ForbiddenError, PracticeError
from practice.models import ApiToken, User
from practice.roles import Role, require


class SignInError(PracticeError):
    """Nobody we know."""

    status = 401
    code = "not_signed_in"


@dataclass(frozen=True, slots=True)
class Entry:
    """What somebody shows at the door. Of a token only its digest is kept."""

    session: str = ""
    digest: str = ""

    @property
    def empty(self) -> bool:
        """Whether nothing was shown."""
        return not (self.session or self.digest)


def entry_from_headers(headers: list[tuple[bytes, bytes]]) -> Entry:
    """What the handshake carries: a token before a cookie."""
    found = {name.lower(): value.decode("latin1") for name, value in headers}
    authorization = found.get(b"authorization", "").split()
    if authorization:
        is_token = len(authorization) == 2 and authorization[0].lower() == "token"
        return Entry(digest=hash_token(authorization[1]) if is_token else "unreadable")
    try:
        cookie = SimpleCookie(found.get(b"cookie", "")).get(settings.SESSION_COOKIE_NAME)
    except CookieError:
        cookie = None
    return Entry(session=cookie.value if cookie else "")


def entry_from_token(token: str) -> Entry:
    """What a first message carries."""
    return Entry(digest=hash_token(token))


@database_sync_to_async
def person_at(entry: Entry) -> User:
    """The person who shows `entry`, with at least the role of a viewer.

    Raises:
        SignInError: no such session or token, expired, or the account is closed.
        ForbiddenError: a person without a role.
    """
    person = _by_token(entry.digest) if entry.digest else _by_session(entry.session)
    if person is None or not person.is_active:
        raise SignInError(
            "This token is unknown or has ended; make a new one on the page Tokens."
            if entry.digest
            else "You are signed out; sign in and open this page again."
        )
    require(person, Role.VIEWER)
    return person


@database_sync_to_async
def require_writing(entry: Entry) -> None:
    """Refuse a token that may only read.

    Raises:
        ForbiddenError: with the way out.
    """
    token = ApiToken.objects.filter(digest=entry.digest).first() if entry.digest else None
    if token is not None and token.read_only:
        raise ForbiddenError(f"The token {token.name!r} may only read; use one that may write.")


def _by_token(digest: str) -> User | None:
    token = ApiToken.objects.select_related("user").filter(digest=digest).first()
    if token is None or (token.expiry is not None and token.expiry < timezone.now()):
        return None
    user: User = token.user
    return user


def _by_session(key: str) -> User | None:
    store: Any = import_module(settings.SESSION_ENGINE).SessionStore
    request = HttpRequest()
    request.session = store(key)
    user = get_user(request)
    return user if isinstance(user, User) else None
