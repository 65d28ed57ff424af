"""Checkpoints, what evaluations found, and the weights."""

from django.db.models import QuerySet
from django.http import QueryDict, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from practice import storage
from practice.api.base import Endpoint, ListEndpoint, found
from practice.api.filters import CheckpointFilters, EvaluationFilters
from practice.api.parsers import BoundedJSONParser
from practice.api.serializers.checkpoints import (
    CheckpointDetailSerializer,
    CheckpointSerializer,
    EvaluationSerializer,
)
from practice.api.serializers.transfers import (
    CheckpointGiven,
    CheckpointHubGiven,
    CheckpointImportSerializer,
)
from practice.api.streams import stream
from practice.api.views.datasets import check_declared
from practice.api.zip_stream import zipped
from practice.models import Checkpoint, CheckpointImport, Evaluation
from practice.selectors.cards import CARD, card_of, files_of
from practice.services.checkpoint_imports import receive_checkpoint, receive_from_hub


class CheckpointList(ListEndpoint):
    """All checkpoints."""

    serializer_class = CheckpointSerializer
    filterset_class = CheckpointFilters
    parser_classes = [MultiPartParser, BoundedJSONParser]

    def get_queryset(self) -> QuerySet[Checkpoint]:
        """What this person may see."""
        rows = Checkpoint.objects.visible_to(self.request.user)
        return rows.select_related("task").prefetch_related("parents")

    @extend_schema(operation_id="list_checkpoints", responses=CheckpointSerializer(many=True))
    def get(self, _request: Request) -> Response:
        """Checkpoints, newest first."""
        return self.paged()

    @extend_schema(
        operation_id="import_checkpoint",
        request={
            "multipart/form-data": CheckpointGiven,
            "application/json": CheckpointHubGiven,
        },
        responses={202: CheckpointImportSerializer},
        filters=False,
    )
    def post(self, request: Request) -> Response:
        """Bring a checkpoint to a task, a .zip or one of the Hub; it is checked in the background before it is one."""
        check_declared(request)
        # A form brings a file; JSON cannot, and names a repository.
        is_form = isinstance(request.data, QueryDict)
        row = self._from_file() if is_form else self._from_hub()
        return Response(CheckpointImportSerializer(row).data, status=202)

    def _from_file(self) -> CheckpointImport:
        given = self.given(CheckpointGiven)
        file = given["file"]
        return receive_checkpoint(
            given["task"],
            file,
            by=self.person,
            filename=file.name,
            kind=given["kind"],
            name=given.get("name", ""),
        )

    def _from_hub(self) -> CheckpointImport:
        given = self.given(CheckpointHubGiven)
        return receive_from_hub(
            given["task"],
            given["repo"],
            given.get("revision", ""),
            by=self.person,
            kind=given["kind"],
            name=given.get("name", ""),
        )


class CheckpointDetail(Endpoint):
    """One checkpoint."""

    serializer_class = CheckpointDetailSerializer

    @extend_schema(operation_id="get_checkpoint")
    def get(self, _request: Request, pk: int) -> Response:
        """One checkpoint with its parents and evaluations."""
        rows = Checkpoint.objects.visible_to(self.person).select_related("task")
        rows = rows.prefetch_related("parents", "evaluations")
        return Response(CheckpointDetailSerializer(found(rows, "checkpoint", pk=pk)).data)


class CheckpointDownload(Endpoint):
    """The files of one checkpoint."""

    serializer_class = None

    @extend_schema(
        operation_id="download_checkpoint",
        responses={(200, "application/zip"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, pk: int) -> StreamingHttpResponse:
        """The weights (safetensors), their manifest and a card (README.md), as a .zip."""
        rows = Checkpoint.objects.visible_to(self.person).select_related("task", "run")
        checkpoint = found(rows, "checkpoint", pk=pk)
        names, text = files_of(checkpoint), card_of(checkpoint)
        return stream(
            request,
            zipped(checkpoint.blob_key, names, storage.blobs(), {CARD: text} if text else None),
            filename=f"checkpoint-{checkpoint.pk}-{checkpoint.digest[:12]}.zip",
            content_type="application/zip",
        )


class EvaluationList(ListEndpoint):
    """All evaluations."""

    serializer_class = EvaluationSerializer
    filterset_class = EvaluationFilters

    def get_queryset(self) -> QuerySet[Evaluation]:
        """Those of checkpoints that this person may see."""
        return Evaluation.objects.filter(
            checkpoint__in=Checkpoint.objects.visible_to(self.request.user)
        )

    @extend_schema(operation_id="list_evaluations", responses=EvaluationSerializer(many=True))
    def get(self, _request: Request) -> Response:
        """Evaluations, newest first."""
        return self.paged()
