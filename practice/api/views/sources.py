"""Imports that need no upload: folders of the server and the Hub; stopping an import, and trying it again."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from practice.api.base import Endpoint
from practice.api.serializers.datasets import (
    DatasetSerializer,
    FolderGiven,
    FoundDatasetSerializer,
    HubGiven,
    MappingGiven,
    MappingSerializer,
)
from practice.errors import ConflictError
from practice.roles import Role
from practice.selectors.datasets import find_dataset
from practice.selectors.folders import found_datasets
from practice.selectors.mapping import mapping_of
from practice.services.mapping import map_dataset
from practice.services.sources import receive_folder, receive_hub, retry_import, stop_import


class FolderDatasets(Endpoint):
    """Datasets that lie on the server."""

    serializer_class = FoundDatasetSerializer
    reads = Role.OPERATOR

    @extend_schema(operation_id="list_folder_datasets", responses=FoundDatasetSerializer(many=True))
    def get(self, _request: Request) -> Response:
        """What lies in the folders that an administrator has allowed (EFM_IMPORT_FOLDERS)."""
        return Response(FoundDatasetSerializer(found_datasets(), many=True).data)

    @extend_schema(
        operation_id="import_folder", request=FolderGiven, responses={202: DatasetSerializer}
    )
    def post(self, _request: Request) -> Response:
        """Import one of them in the background; it is read where it lies."""
        given = self.given(FolderGiven)
        dataset = receive_folder(
            given["task"], given["path"], by=self.person, name=given.get("name", "")
        )
        return Response(DatasetSerializer(dataset).data, status=202)


class HubDatasets(Endpoint):
    """Datasets of the Hugging Face Hub."""

    serializer_class = DatasetSerializer

    @extend_schema(
        operation_id="import_from_hub", request=HubGiven, responses={202: DatasetSerializer}
    )
    def post(self, _request: Request) -> Response:
        """Fetch and import one in the background; a branch or tag is the commit that it is when a worker asks."""
        given = self.given(HubGiven)
        dataset = receive_hub(
            given["task"],
            given["repo"],
            given.get("revision", ""),
            by=self.person,
            name=given.get("name", ""),
        )
        return Response(DatasetSerializer(dataset).data, status=202)


class DatasetStop(Endpoint):
    """An import that is not over."""

    serializer_class = DatasetSerializer

    @extend_schema(operation_id="stop_import", request=None, responses=DatasetSerializer)
    def post(self, _request: Request, pk: int) -> Response:
        """Stop it; no episode of it is kept."""
        dataset = find_dataset(self.person, pk)
        stop_import(dataset, by=self.person)
        return Response(DatasetSerializer(dataset).data)


class DatasetRetry(Endpoint):
    """An import that failed."""

    serializer_class = DatasetSerializer

    @extend_schema(operation_id="retry_import", request=None, responses={202: DatasetSerializer})
    def post(self, _request: Request, pk: int) -> Response:
        """Import it again from where it came."""
        dataset = find_dataset(self.person, pk)
        retry_import(dataset, by=self.person)
        return Response(DatasetSerializer(dataset).data, status=202)


class DatasetMapping(Endpoint):
    """Which of a dataset's features is which of the robot's."""

    serializer_class = MappingSerializer

    @extend_schema(operation_id="get_mapping")
    def get(self, _request: Request, pk: int) -> Response:
        """What a dataset that waits for a person would be read as, with suggestions; any other answers 409."""
        dataset = find_dataset(self.person, pk)
        view = mapping_of(dataset)
        if view is None:
            raise ConflictError(f"{dataset} does not wait for a mapping; it is {dataset.state}.")
        return Response(MappingSerializer(view).data)

    @extend_schema(
        operation_id="map_dataset", request=MappingGiven, responses={202: DatasetSerializer}
    )
    def put(self, _request: Request, pk: int) -> Response:
        """Read it so; the import goes on."""
        given = self.given(MappingGiven)
        dataset = find_dataset(self.person, pk)
        map_dataset(
            dataset,
            given.get("mapping", {}),
            by=self.person,
            any_rate=given.get("any_rate", False),
        )
        return Response(DatasetSerializer(dataset).data, status=202)
