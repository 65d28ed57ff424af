"""Uploads in pieces, by tus 1.0: interrupted ones go on where they stopped."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from practice.api import tus
from practice.api.base import Endpoint, ListEndpoint
from practice.api.serializers.uploads import MetadataGiven, UploadSerializer
from practice.errors import MissingError, TooLargeError
from practice.models import Upload
from practice.services import uploads

PIECE = 1 << 20
"""Bytes of a body in memory at once, and between two commits."""


def _header(name: str, what: str, *, required: bool = True) -> OpenApiParameter:
    return OpenApiParameter(name, str, OpenApiParameter.HEADER, required=required, description=what)


VERSION = _header("Tus-Resumable", f"The protocol: {tus.VERSION}.")
LENGTH = _header("Upload-Length", "Size of the whole file, bytes.")
METADATA = _header(
    "Upload-Metadata",
    "`task`, `filename` and perhaps `name` and `sha256` (hex), each followed by a space and its value in base64, divided by commas.",
)
OFFSET = _header("Upload-Offset", "Where these bytes begin: what the server has received so far.")


class TusEndpoint(Endpoint):
    """What all addresses of uploads share."""

    serializer_class = UploadSerializer

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Once it is known who asks, the protocol's version is checked where the protocol is spoken."""
        super().initial(request, *args, **kwargs)
        if request.method not in {"GET", "OPTIONS"}:
            tus.check_version(request)

    @extend_schema(exclude=True)
    def options(  # type: ignore[override]  # as REST framework's own
        self, request: Request, *args: Any, **kwargs: Any
    ) -> Response:
        """Which tus is spoken here, and how large a file may be."""
        return Response(status=204, headers=tus.capabilities())


class UploadList(TusEndpoint, ListEndpoint):
    """One's own uploads."""

    queryset = Upload.objects.none()

    def get_queryset(self) -> QuerySet[Upload]:
        """One's own, as long as they are kept."""
        return Upload.objects.of(self.person).select_related("task")

    @extend_schema(
        operation_id="list_uploads", responses=UploadSerializer(many=True), filters=False
    )
    def get(self, _request: Request) -> Response:
        """One's own uploads, newest first."""
        return self.paged()

    @extend_schema(
        operation_id="begin_upload",
        request=None,
        parameters=[VERSION, LENGTH, METADATA],
        responses={201: None},
        filters=False,
    )
    def post(self, request: Request) -> Response:
        """Begin an upload; `Location` says where its bytes go."""
        size = tus.number(request, "Upload-Length")
        known = set(MetadataGiven().fields)
        said = {key: text for key, text in tus.metadata(request).items() if key in known}
        given = MetadataGiven(data=said)
        given.is_valid(raise_exception=True)
        upload = uploads.begin(by=self.person, size=size, **given.validated_data)
        place = reverse("api:upload", args=[upload.pk])
        return Response(status=201, headers={**tus.headers(upload), "Location": place})


class UploadDetail(TusEndpoint):
    """One upload."""

    @extend_schema(operation_id="get_upload")
    def get(self, _request: Request, upload_id: str) -> Response:
        """How far an upload is; HEAD says the same in headers."""
        upload = uploads.find_upload(self.person, _uuid(upload_id))
        return Response(UploadSerializer(upload).data, headers=tus.headers(upload))

    @extend_schema(exclude=True)
    def head(self, _request: Request, upload_id: str) -> Response:
        """Where to go on."""
        upload = uploads.find_upload(self.person, _uuid(upload_id))
        return Response(status=200, headers=tus.headers(upload))

    @extend_schema(
        operation_id="append_to_upload",
        request={tus.CONTENT_TYPE: OpenApiTypes.BINARY},
        parameters=[VERSION, OFFSET],
        responses={204: None},
    )
    def patch(self, request: Request, upload_id: str) -> Response:
        """Add bytes; after the last, `Upload-Dataset` is the address of the dataset."""
        tus.check_content_type(request)
        offset = tus.number(request, "Upload-Offset")
        upload = uploads.find_upload(self.person, _uuid(upload_id))
        announced = request.headers.get("Content-Length") or "0"
        # Looked at before the body is read; what really comes is counted again.
        if announced.isdigit() and offset + int(announced) > upload.size:
            raise TooLargeError(f"More bytes came than the {upload.size} that were announced.")
        upload = uploads.append(upload.pk, offset, _pieces(request), by=self.person)
        return Response(status=204, headers=tus.headers(upload))

    @extend_schema(operation_id="delete_upload", parameters=[VERSION], responses={204: None})
    def delete(self, _request: Request, upload_id: str) -> Response:
        """Give an upload up."""
        uploads.abandon(_uuid(upload_id), by=self.person)
        return Response(status=204, headers={"Tus-Resumable": tus.VERSION})


def _pieces(request: Request) -> Iterator[bytes]:
    """The body as it comes; no parser touches it."""
    stream = request.stream
    while stream is not None and (piece := stream.read(PIECE)):
        yield piece


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise MissingError(f"There is no upload {text}.") from None
