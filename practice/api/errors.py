"""Every error of the API in one shape: {"error": {"code", "message", "fields"}}.

`code` is for programs, `message` is a sentence for people, `fields` says what is wrong per field. Nothing of a traceback goes
over the wire; what was not foreseen is logged with its traceback and answered with 500.
"""

import logging
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import (
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
)
from django.core.signals import got_request_exception
from django.db import OperationalError
from django.http import Http404, JsonResponse
from rest_framework import exceptions
from rest_framework.views import set_rollback

from practice.errors import PracticeError
from practice.learning.errors import LearningError

log = logging.getLogger(__name__)

CODES: dict[int, str] = {
    400: "invalid",
    401: "not_authenticated",
    403: "not_allowed",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    409: "conflict",
    412: "wrong_version",
    413: "too_large",
    415: "unsupported_media_type",
    429: "throttled",
    500: "internal",
    503: "unavailable",
}
"""The code that goes with a status where the error names none of its own."""


def error_response(
    status: int, message: str, *, code: str = "", fields: Mapping[str, str] | None = None
) -> JsonResponse:
    """An error in the one shape, as JSON whatever the request asked for."""
    body = {
        "code": code or CODES.get(status, "invalid"),
        "message": message,
        "fields": dict(fields or {}),
    }
    return JsonResponse({"error": body}, status=status)


def exception_handler(error: Exception, context: Mapping[str, Any]) -> JsonResponse:
    """What REST framework calls for each exception of a view."""
    set_rollback()
    match error:
        case PracticeError():
            fields = error.fields
            answer = error_response(error.status, error.message, code=error.code, fields=fields)
        case LearningError():
            answer = error_response(400, str(error))
        case exceptions.APIException():
            answer = _framework_error(error)
        case Http404():
            answer = error_response(404, "There is nothing at this address.")
        case PermissionDenied():
            answer = error_response(403, str(error) or "You may not do this.")
        case RequestDataTooBig():
            answer = error_response(413, "The request is too large; send less at once.")
        case SuspiciousOperation():
            answer = error_response(400, f"The request cannot be read: {error}")
        case _:
            answer = _unforeseen(error, context)
    return answer


def _framework_error(error: exceptions.APIException) -> JsonResponse:
    fields: dict[str, str] = {}
    if isinstance(error, exceptions.ValidationError):
        fields = flatten(error.detail)
        message = _summary(fields)
        fields.pop("", None)
    else:
        message = str(error.detail)
    code = "malformed" if isinstance(error, exceptions.ParseError) else ""
    response = error_response(error.status_code, message, code=code, fields=fields)
    auth_header = getattr(error, "auth_header", None)
    if auth_header:
        response.headers["WWW-Authenticate"] = auth_header
    wait = getattr(error, "wait", None)
    if wait:
        response.headers["Retry-After"] = str(int(wait))
    return response


def flatten(detail: Any, name: str = "") -> dict[str, str]:
    """Nested validation errors as {dotted field: sentences}; what concerns no field stands under ""."""
    if isinstance(detail, Mapping):
        named: dict[str, str] = {}
        for key, inner in detail.items():
            own = "" if key == "non_field_errors" else str(key)
            named |= flatten(inner, ".".join(part for part in (name, own) if part))
        return named
    if isinstance(detail, list):
        if all(isinstance(item, str) for item in detail):
            return {name: " ".join(detail)} if detail else {}
        named = {}
        for number, item in enumerate(detail):
            named |= flatten(item, f"{name}.{number}" if name else str(number))
        return named
    return {name: str(detail)}


def _summary(fields: Mapping[str, str]) -> str:
    """One sentence out of the first thing that is wrong."""
    name, text = next(iter(fields.items()), ("", "The request is not valid."))
    return f"{name}: {text}" if name else text


def _unforeseen(error: Exception, context: Mapping[str, Any]) -> JsonResponse:
    request = context.get("request")
    path = getattr(request, "path", "")
    log.error("%s at %s", type(error).__name__, path, exc_info=error)
    if isinstance(error, OperationalError):
        return error_response(503, "The database does not answer; try again in a moment.")
    # Whoever collects errors listens to Django's signal, which only an escaping exception would send.
    got_request_exception.send(sender=type(context.get("view")), request=request)
    return error_response(500, "The server failed at this; the failure is logged.")
