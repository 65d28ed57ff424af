"""A page, or the parts of it that change: one address serves both."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers

from practice.web.access import PageRequest


def wants_parts(request: PageRequest) -> bool:
    """Whether a script asks for parts; going back in the browser's history asks for the whole page."""
    return bool(request.htmx) and not request.htmx.history_restore_request


def render_page(
    request: PageRequest, whole: str, parts: str, context: dict[str, Any]
) -> HttpResponse:
    """Render template `parts` for a script, `whole` for a browser, and tell caches the difference."""
    response = render(request, parts if wants_parts(request) else whole, context)
    patch_vary_headers(response, ["HX-Request"])
    return response
