"""Selections: make; and the versions that were frozen of any dataset."""

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from practice.api.base import Endpoint, ListEndpoint
from practice.api.serializers.datasets import DatasetSerializer
from practice.api.serializers.selections import (
    MemberSerializer,
    SelectionGiven,
    VersionSerializer,
)
from practice.models import DatasetVersion, VersionMember
from practice.selectors.datasets import find_dataset
from practice.selectors.selections import (
    count_selections,
    find_version,
    members_in,
    versions_of,
)
from practice.services.selections import create_selection


class SelectionList(Endpoint):
    """New selections; they are listed with all datasets."""

    serializer_class = DatasetSerializer

    @extend_schema(
        operation_id="create_selection", request=SelectionGiven, responses={201: DatasetSerializer}
    )
    def post(self, _request: Request) -> Response:
        """Name a filter over a task's episodes; a run learns from it as from any dataset."""
        given = self.given(SelectionGiven)
        made = create_selection(
            given["task"], by=self.person, name=given["name"], query=given.get("query", {})
        )
        count_selections([made])
        return Response(DatasetSerializer(made).data, status=201)


class DatasetVersions(ListEndpoint):
    """Versions of one dataset."""

    serializer_class = VersionSerializer
    queryset = DatasetVersion.objects.none()

    def get_queryset(self) -> QuerySet[DatasetVersion]:
        """The dataset's versions."""
        return versions_of(find_dataset(self.person, self.kwargs["pk"]))

    @extend_schema(operation_id="list_dataset_versions", responses=VersionSerializer(many=True))
    def get(self, _request: Request, pk: int) -> Response:
        """What was frozen of a dataset for runs and exports, the newest first."""
        return self.paged()


class VersionDetail(Endpoint):
    """One version."""

    serializer_class = VersionSerializer

    @extend_schema(operation_id="get_version")
    def get(self, _request: Request, pk: int) -> Response:
        """One version, as runs name it."""
        return Response(VersionSerializer(find_version(self.person, pk)).data)


class VersionEpisodes(ListEndpoint):
    """Episodes of one version."""

    serializer_class = MemberSerializer
    queryset = VersionMember.objects.none()

    def get_queryset(self) -> QuerySet[VersionMember]:
        """The version's members."""
        return members_in(find_version(self.person, self.kwargs["pk"]))

    @extend_schema(operation_id="list_version_episodes", responses=MemberSerializer(many=True))
    def get(self, _request: Request, pk: int) -> Response:
        """The episodes of a version in order, with the steps that count and the instruction they had."""
        return self.paged()
