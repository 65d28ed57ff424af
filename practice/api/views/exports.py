"""Exports: ask for a dataset as a LeRobotDataset v3.0, follow it, download it."""

from django.db.models import QuerySet
from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from practice.api.base import Endpoint, ListEndpoint
from practice.api.filters import ExportFilters
from practice.api.serializers.exports import ExportGiven, ExportSerializer
from practice.files import download
from practice.models import Export
from practice.selectors.datasets import find_dataset
from practice.selectors.exports import export_file, export_rows, file_name, file_tag, find_export
from practice.services.exporting import delete_export, start_export


class DatasetExports(Endpoint):
    """Exports of one dataset."""

    serializer_class = ExportSerializer

    @extend_schema(
        operation_id="export_dataset", request=ExportGiven, responses={202: ExportSerializer}
    )
    def post(self, _request: Request, pk: int) -> Response:
        """Freeze what the dataset holds now and export it in the background."""
        dataset = find_dataset(self.person, pk)
        export = start_export(dataset, by=self.person, **self.given(ExportGiven))
        return Response(ExportSerializer(export).data, status=202)


class ExportList(ListEndpoint):
    """All exports."""

    serializer_class = ExportSerializer
    filterset_class = ExportFilters

    def get_queryset(self) -> QuerySet[Export]:
        """What this person may see."""
        return export_rows(self.request.user)

    @extend_schema(operation_id="list_exports", responses=ExportSerializer(many=True))
    def get(self, _request: Request) -> Response:
        """Exports, newest first."""
        return self.paged()


class ExportDetail(Endpoint):
    """One export."""

    serializer_class = ExportSerializer

    @extend_schema(operation_id="get_export")
    def get(self, _request: Request, pk: int) -> Response:
        """One export with its progress."""
        return Response(ExportSerializer(find_export(self.person, pk)).data)

    @extend_schema(operation_id="delete_export", responses={204: None})
    def delete(self, _request: Request, pk: int) -> Response:
        """Delete an export and its file, or stop one that is being written."""
        delete_export(find_export(self.person, pk), by=self.person)
        return Response(status=204)


class ExportDownload(Endpoint):
    """The file of one export."""

    serializer_class = None

    @extend_schema(
        operation_id="download_export", responses={(200, "application/zip"): OpenApiTypes.BINARY}
    )
    def get(self, request: Request, pk: int) -> HttpResponseBase:
        """The finished .zip; a range of it where one is asked for."""
        export = find_export(self.person, pk)
        return download(
            request._request,
            export_file(export),
            tag=file_tag(export),
            filename=file_name(export),
            content_type="application/zip",
        )
