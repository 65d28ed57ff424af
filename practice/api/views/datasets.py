"""Datasets: upload, and read the report."""

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from practice.api.base import Endpoint, ListEndpoint
from practice.api.filters import DatasetFilters
from practice.api.serializers.datasets import (
    DatasetDetailSerializer,
    DatasetSerializer,
    UploadGiven,
)
from practice.api.serializers.selections import SelectionChange
from practice.models import Dataset
from practice.selectors.datasets import dataset_rows, find_dataset
from practice.selectors.selections import count_selections
from practice.services.datasets import receive_upload
from practice.services.selections import change_selection

ROOM_FOR_FIELDS = 1 << 20
"""Bytes of a request beside the file itself."""


def check_declared(request: Request) -> None:
    """Refuse a body above the limit before it is read: a liar's file is counted again while it is kept."""
    declared = request.META.get("CONTENT_LENGTH") or "0"
    if declared.isdigit() and int(declared) > settings.EFM_UPLOAD_LIMIT + ROOM_FOR_FIELDS:
        raise RequestDataTooBig


class DatasetList(ListEndpoint):
    """All datasets."""

    serializer_class = DatasetSerializer
    filterset_class = DatasetFilters
    parser_classes = [MultiPartParser]

    def get_queryset(self) -> QuerySet[Dataset]:
        """What this person may see, without the reports."""
        return dataset_rows(self.request.user)

    @extend_schema(operation_id="list_datasets", responses=DatasetSerializer(many=True))
    def get(self, _request: Request) -> Response:
        """Datasets, newest first."""
        return self.show_page(count_selections(self.page()))

    @extend_schema(
        operation_id="upload_dataset",
        request={"multipart/form-data": UploadGiven},
        responses={202: DatasetSerializer},
        filters=False,
    )
    def post(self, request: Request) -> Response:
        """Upload demonstrations; they are validated in the background, episode by episode."""
        check_declared(request)
        given = self.given(UploadGiven)
        file = given["file"]
        dataset = receive_upload(
            given["task"], file, by=self.person, filename=file.name, name=given.get("name", "")
        )
        return Response(DatasetSerializer(dataset).data, status=202)


class DatasetDetail(Endpoint):
    """One dataset."""

    serializer_class = DatasetDetailSerializer

    @extend_schema(operation_id="get_dataset")
    def get(self, _request: Request, pk: int) -> Response:
        """One dataset with the report of its validation."""
        return _shown(find_dataset(self.person, pk))

    @extend_schema(
        operation_id="change_selection",
        request=SelectionChange,
        responses={200: DatasetDetailSerializer},
    )
    def patch(self, _request: Request, pk: int) -> Response:
        """Give a selection another name or filter; versions that exist stay what they are."""
        given = self.given(SelectionChange)
        dataset = find_dataset(self.person, pk)
        changed = change_selection(
            dataset,
            by=self.person,
            name=given.get("name", dataset.name),
            query=given.get("query", dataset.query),
        )
        return _shown(changed)


def _shown(dataset: Dataset) -> Response:
    count_selections([dataset])
    return Response(DatasetDetailSerializer(dataset).data)
