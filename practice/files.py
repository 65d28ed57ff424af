"""Stored files as answers: piece by piece in constant memory, and from where a broken download left off."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.http import content_disposition_header

PIECE = 1 << 20
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)


def download(
    request: HttpRequest, path: Path, *, tag: str, filename: str, content_type: str
) -> HttpResponseBase:
    """The file at `path`, or the one range of it that was asked for (RFC 9110, section 14); `tag` names exactly these bytes.

    Several ranges at once are answered with the whole; a range that begins past the end is 416.
    """
    size = path.stat().st_size
    first, last = _asked(request, f'"{tag}"', size)
    if first > last and size:
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
    whole = (first, last) == (0, size - 1)
    pieces = _pieces(path, first, last + 1 - first)
    # Under ASGI Django would collect a plain iterator in memory before it sends the first byte.
    content: Any = _from_thread(pieces) if isinstance(request, ASGIRequest) else pieces
    response = StreamingHttpResponse(
        content, status=200 if whole else 206, content_type=content_type
    )
    if not whole:
        response.headers["Content-Range"] = f"bytes {first}-{last}/{size}"
    response.headers["Content-Length"] = str(last + 1 - first)
    response.headers["Accept-Ranges"] = "bytes"
    response.headers["ETag"] = f'"{tag}"'
    response.headers["Cache-Control"] = "private, no-cache"
    response.headers["Content-Disposition"] = (
        content_disposition_header(as_attachment=True, filename=filename) or "attachment"
    )
    return response


def _asked(request: HttpRequest, tag: str, size: int) -> tuple[int, int]:
    """First and last byte; the whole where no range, or one of other bytes, is asked for."""
    asked = _RANGE.fullmatch(request.headers.get("Range", ""))
    if asked is None or asked.groups() == ("", "") or request.headers.get("If-Range", tag) != tag:
        return 0, size - 1
    first, last = asked.groups()
    if not first:  # the last so many bytes
        return (max(0, size - int(last)), size - 1) if int(last) else (1, 0)
    return int(first), min(int(last), size - 1) if last else size - 1


def _pieces(path: Path, first: int, count: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(first)
        while count > 0 and (piece := file.read(min(PIECE, count))):
            count -= len(piece)
            yield piece


async def _from_thread(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
        yield piece
