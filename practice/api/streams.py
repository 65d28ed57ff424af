"""Large answers piece by piece, in constant memory."""

from collections.abc import Iterator

from django.http import StreamingHttpResponse
from django.utils.http import content_disposition_header
from rest_framework.request import Request

from practice.files import piecewise


def stream(
    request: Request, pieces: Iterator[bytes], *, filename: str, content_type: str
) -> StreamingHttpResponse:
    """`pieces` as a download."""
    response = piecewise(request._request, pieces, content_type=content_type)
    response.headers["Content-Disposition"] = (
        content_disposition_header(as_attachment=True, filename=filename) or "attachment"
    )
    return response
