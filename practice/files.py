"""Stored bytes as answers: by tag, in constant memory, and in ranges where the asker wants only a part (RFC 9110, section 14)."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

from django.core.handlers.asgi import ASGIRequest
from django.db import close_old_connections
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.http import content_disposition_header

PIECE = 1 << 20
FOREVER = "private, max-age=31536000, immutable"
"""Of bytes that never change under their address. Private, for only people with a role may see them."""
ASK_AGAIN = "private, no-cache"
NOT_AT_ALL = "private, no-store"
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)

Body = Callable[[int, int], HttpResponseBase]
"""An answer with so many bytes from the first named."""


def not_modified(request: HttpRequest, tag: str) -> HttpResponse | None:
    """304 where the browser already holds the bytes of this tag, so that they need not even be made."""
    asked = request.headers.get("If-None-Match", "")
    held = {part.strip().removeprefix("W/") for part in asked.split(",")}
    if not held & {f'"{tag}"', "*"}:
        return None
    return HttpResponse(status=304, headers=_headers(tag, FOREVER))


def ranged(
    request: HttpRequest, content: bytes, *, tag: str, content_type: str
) -> HttpResponseBase:
    """Bytes that never change under their address, or the one range of them that was asked for."""

    def body(first: int, count: int) -> HttpResponseBase:
        return HttpResponse(content[first : first + count], content_type=content_type)

    return _answer(request, len(content), body, tag=tag, cache=FOREVER)


def streamed(
    request: HttpRequest, path: Path, *, tag: str, content_type: str, most: int | None = None
) -> HttpResponseBase:
    """As `ranged`, of a file. A range without an end is answered with at most `most` bytes, where that is given.

    A player asks for the rest of the file and reads it as slowly as it plays, so each film on a page would keep a connection, of
    which a browser opens six to a host. It asks again for what follows a short answer; but a browser that kept the first part asks
    for all the rest by its end, so such parts are not to be kept.
    """
    body = _file_body(request, path, content_type)
    response = _answer(request, path.stat().st_size, body, tag=tag, cache=FOREVER, most=most)
    if most is not None and response.status_code == 206:
        response.headers["Cache-Control"] = NOT_AT_ALL
    return response


def download(
    request: HttpRequest, path: Path, *, tag: str, filename: str, content_type: str
) -> HttpResponseBase:
    """The file at `path`, or the one range of it that was asked for, to keep; `tag` names exactly these bytes."""
    body = _file_body(request, path, content_type)
    response = _answer(request, path.stat().st_size, body, tag=tag, cache=ASK_AGAIN)
    response.headers["Content-Disposition"] = (
        content_disposition_header(as_attachment=True, filename=filename) or "attachment"
    )
    return response


def _answer(
    request: HttpRequest, size: int, body: Body, *, tag: str, cache: str, most: int | None = None
) -> HttpResponseBase:
    """The whole, the one range that was asked for, or 416 where it begins past the end.

    Several ranges at once are answered with the whole, which the standard allows.
    """
    asked = _asked(request, f'"{tag}"', size, most)
    first, last = (0, size - 1) if asked is None else asked
    if asked is not None and first > last:
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
    response = body(first, last + 1 - first)
    if asked is not None:
        response.status_code = 206
        response.headers["Content-Range"] = f"bytes {first}-{last}/{size}"
    response.headers["Content-Length"] = str(last + 1 - first)
    for name, value in _headers(tag, cache).items():
        response.headers[name] = value
    return response


def _headers(tag: str, cache: str) -> dict[str, str]:
    return {"ETag": f'"{tag}"', "Cache-Control": cache, "Accept-Ranges": "bytes"}


def _asked(request: HttpRequest, tag: str, size: int, most: int | None) -> tuple[int, int] | None:
    """First and last byte; None where no range, or one of other bytes, is asked for."""
    asked = _RANGE.fullmatch(request.headers.get("Range", ""))
    if asked is None or asked.groups() == ("", "") or request.headers.get("If-Range", tag) != tag:
        return None
    first, last = asked.groups()
    if not first:  # the last so many bytes
        return (max(0, size - int(last)), size - 1) if int(last) else (1, 0)
    if last:
        return int(first), min(int(last), size - 1)
    return int(first), size - 1 if most is None else min(size, int(first) + most) - 1


def piecewise(
    request: HttpRequest, pieces: Iterator[bytes], *, content_type: str
) -> StreamingHttpResponse:
    """Pieces as they come, in constant memory. They may not ask the database.

    Under ASGI Django would collect a plain iterator in memory before it sends the first byte; there each piece is fetched in a
    thread. And it would keep the database's connection until the last byte: a few slow downloads would leave none for others.
    """
    if not isinstance(request, ASGIRequest):
        return StreamingHttpResponse(pieces, content_type=content_type)
    close_old_connections()
    return StreamingHttpResponse(_from_thread(pieces), content_type=content_type)


def _file_body(request: HttpRequest, path: Path, content_type: str) -> Body:
    def body(first: int, count: int) -> HttpResponseBase:
        return piecewise(request, _pieces(path, first, count), content_type=content_type)

    return body


def _pieces(path: Path, first: int, count: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(first)
        while count > 0 and (piece := file.read(min(PIECE, count))):
            count -= len(piece)
            yield piece


async def _from_thread(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
        yield piece
