"""Answers with bytes that never change under their address: by tag, in pieces where the browser asks for pieces."""

import re

from django.http import HttpRequest, HttpResponse

_ONE_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
FOREVER = "private, max-age=31536000, immutable"
"""Private, for only people with a role may see it."""


def not_modified(request: HttpRequest, tag: str) -> HttpResponse | None:
    """304 where the browser already holds the bytes of this tag, so that they need not even be made."""
    asked = request.headers.get("If-None-Match", "")
    held = {part.strip().removeprefix("W/") for part in asked.split(",")}
    if not held & {f'"{tag}"', "*"}:
        return None
    return _tagged(HttpResponse(status=304), tag)


def ranged(request: HttpRequest, content: bytes, *, tag: str, content_type: str) -> HttpResponse:
    """The bytes, or the one range of them that was asked for (RFC 9110, section 14).

    Several ranges at once are answered with the whole, which the standard allows; a range that begins past the end is 416.
    """
    asked = _ONE_RANGE.fullmatch(request.headers.get("Range", ""))
    expected = request.headers.get("If-Range", f'"{tag}"')
    if asked is None or asked.groups() == ("", "") or expected != f'"{tag}"':
        return _tagged(HttpResponse(content, content_type=content_type), tag)
    first, last = _bounds(asked.group(1), asked.group(2), len(content))
    if first > last:
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{len(content)}"})
    part = HttpResponse(content[first : last + 1], status=206, content_type=content_type)
    part["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
    return _tagged(part, tag)


def _bounds(first: str, last: str, size: int) -> tuple[int, int]:
    if not first:  # the last so many bytes
        return max(0, size - int(last)), size - 1 if int(last) else -1
    return int(first), min(int(last), size - 1) if last else size - 1


def _tagged(response: HttpResponse, tag: str) -> HttpResponse:
    response["ETag"] = f'"{tag}"'
    response["Cache-Control"] = FOREVER
    response["Accept-Ranges"] = "bytes"
    return response
