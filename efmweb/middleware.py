"""Headers that every answer carries."""

import secrets
from collections.abc import Awaitable, Callable

from asgiref.sync import iscoroutinefunction
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

HEADER = "Content-Security-Policy"
PERMISSIONS = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"


def content_security_policy(nonce: str) -> str:
    """The policy of the settings as a header's value; `nonce` lets one answer's script through."""
    policy = dict(settings.CONTENT_SECURITY_POLICY)
    policy["script-src"] = (*policy["script-src"], f"'nonce-{nonce}'")
    return "; ".join(" ".join((name, *sources)) for name, sources in policy.items())


def _prepare(request: HttpRequest) -> None:
    # A page's import map has to be inline: its element says nonce="{{ request.csp_nonce }}".
    request.csp_nonce = secrets.token_urlsafe(18)  # type: ignore[attr-defined]


def _finish(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    nonce: str = request.csp_nonce  # type: ignore[attr-defined]
    response.headers.setdefault(HEADER, content_security_policy(nonce))
    response.headers.setdefault("Permissions-Policy", PERMISSIONS)
    return response


@sync_and_async_middleware
def security_headers(
    get_response: Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]],
) -> Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]:
    """Add the content security policy and the permissions policy to each answer."""
    if iscoroutinefunction(get_response):

        async def answer_async(request: HttpRequest) -> HttpResponseBase:
            _prepare(request)
            return _finish(request, await get_response(request))

        return answer_async

    def answer(request: HttpRequest) -> HttpResponseBase:
        _prepare(request)
        response = get_response(request)
        assert isinstance(response, HttpResponseBase)  # noqa: S101 - the other branch awaits
        return _finish(request, response)

    return answer
