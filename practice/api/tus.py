"""The words of tus 1.0 (https://tus.io/protocols/resumable-upload): headers read, and headers said."""

import base64
import binascii
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils.http import http_date
from rest_framework.exceptions import APIException, UnsupportedMediaType
from rest_framework.request import Request

from practice.errors import InvalidError
from practice.models import Upload

VERSION = "1.0.0"
EXTENSIONS = "creation,expiration,termination"
CONTENT_TYPE = "application/offset+octet-stream"
MAX_DIGITS = 15
"""Of a number of bytes."""


class WrongVersionError(APIException):
    """The client speaks another tus."""

    status_code = 412
    default_detail = f"Send the header Tus-Resumable: {VERSION}; this server speaks no other."


def check_version(request: Request) -> None:
    """Refuse another version of the protocol, or none."""
    if request.headers.get("Tus-Resumable") != VERSION:
        raise WrongVersionError


def check_content_type(request: Request) -> None:
    """Refuse a piece of another type."""
    given = request.headers.get("Content-Type", "")
    if given.partition(";")[0].strip().lower() != CONTENT_TYPE:
        raise UnsupportedMediaType(given[:80])


def number(request: Request, header: str) -> int:
    """A header that counts bytes.

    Raises:
        InvalidError: it is missing, or no number of bytes.
    """
    text = request.headers.get(header, "")
    if not (text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS):
        raise InvalidError(f"{header} must be a number of bytes, not {text[:40]!r}.")
    return int(text)


def metadata(request: Request) -> dict[str, str]:
    """`Upload-Metadata: key base64,key base64`, decoded.

    Raises:
        InvalidError: a value is no base64 of UTF-8.
    """
    values: dict[str, str] = {}
    for pair in request.headers.get("Upload-Metadata", "").split(","):
        key, _, text = pair.strip().partition(" ")
        try:
            values[key] = base64.b64decode(text, validate=True).decode()
        except (binascii.Error, ValueError) as error:
            reason = f"Upload-Metadata: {key[:40]!r} is not followed by base64 of UTF-8 text."
            raise InvalidError(reason) from error
    return values


def capabilities() -> dict[str, str]:
    """What OPTIONS says."""
    return {
        "Tus-Resumable": VERSION,
        "Tus-Version": VERSION,
        "Tus-Extension": EXTENSIONS,
        "Tus-Max-Size": str(settings.EFM_UPLOAD_LIMIT),
    }


def headers(upload: Upload) -> dict[str, Any]:
    """Where an upload stands, and the dataset that it has become."""
    said = {
        "Tus-Resumable": VERSION,
        "Upload-Offset": str(upload.received),
        "Upload-Length": str(upload.size),
        "Upload-Expires": http_date(upload.expires_at.timestamp()),
        "Cache-Control": "no-store",
    }
    if upload.dataset_id is not None:
        said["Upload-Dataset"] = reverse("api:dataset", args=[upload.dataset_id])
    return said
