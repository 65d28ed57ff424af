"""The door of the sockets: a browser's page must come from this very site.

Browsers send Origin with every socket and cannot leave it out, while cookies travel to any port of
a host. So Origin must equal the Host asked for, or stand in EFM_TRUSTED_ORIGINS; a program without
Origin must bring an Authorization header, which no browser page can set.
"""

from typing import Any
from urllib.parse import urlsplit

from channels.security.websocket import WebsocketDenier
from django.conf import settings
from django.http.request import validate_host


class SameOrigin:
    """ASGI middleware that refuses sockets opened from elsewhere."""

    def __init__(self, application: Any) -> None:
        self.application = application

    async def __call__(self, scope: Any, receive: Any, send: Any) -> Any:
        """Pass the socket on, or refuse it before anything reads it."""
        inner = self.application if is_welcome(scope) else WebsocketDenier()
        return await inner(scope, receive, send)


def is_welcome(scope: Any) -> bool:
    """Whether the handshake's Host, Origin and Authorization headers allow this socket."""
    headers = {name.lower(): value.decode("latin1") for name, value in scope.get("headers", [])}
    host = headers.get(b"host", "").lower()
    if not validate_host(_host_name(host), settings.ALLOWED_HOSTS):
        return False
    origin = headers.get(b"origin", "").lower()
    if not origin:
        return b"authorization" in headers
    return urlsplit(origin).netloc == host or origin in settings.CSRF_TRUSTED_ORIGINS


def _host_name(host: str) -> str:
    """`host` without its port, as ALLOWED_HOSTS has it: an IPv6 address keeps its brackets."""
    name, separator, port = host.rpartition(":")
    return name if separator and port.isdigit() else host
