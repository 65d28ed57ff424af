"""Large answers piece by piece, in constant memory."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

from django.core.handlers.asgi import ASGIRequest
from django.http import StreamingHttpResponse
from django.utils.http import content_disposition_header
from rest_framework.request import Request


def stream(
    request: Request, pieces: Iterator[bytes], *, filename: str, content_type: str
) -> StreamingHttpResponse:
    """`pieces` as a download.

    Under ASGI Django would collect a plain iterator in memory before it sends the first byte; there each piece is fetched in
    a thread instead.
    """
    under_asgi = isinstance(request._request, ASGIRequest)
    content: Any = _from_thread(pieces) if under_asgi else pieces
    response = StreamingHttpResponse(content, content_type=content_type)
    response.headers["Content-Disposition"] = (
        content_disposition_header(as_attachment=True, filename=filename) or "attachment"
    )
    return response


async def _from_thread(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
        yield piece
