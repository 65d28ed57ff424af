"""Checkpoints on their way in and out: how an import stands, pushes to the Hub."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from practice.api.base import Endpoint
from practice.api.serializers.transfers import (
    CheckpointImportSerializer,
    CheckpointPushSerializer,
    PushGiven,
)
from practice.selectors.checkpoints import visible_checkpoint
from practice.selectors.transfers import find_import, find_push, pushes_of
from practice.services.checkpoint_imports import delete_import
from practice.services.checkpoint_pushes import delete_push, start_push


class ImportDetail(Endpoint):
    """One import of a checkpoint."""

    serializer_class = CheckpointImportSerializer

    @extend_schema(operation_id="get_checkpoint_import")
    def get(self, _request: Request, pk: int) -> Response:
        """How it stands, and the checkpoint that it became."""
        return Response(CheckpointImportSerializer(find_import(self.person, pk)).data)

    @extend_schema(operation_id="delete_checkpoint_import", responses={204: None})
    def delete(self, _request: Request, pk: int) -> Response:
        """Stop it, or forget one that failed; one that became a checkpoint stays."""
        delete_import(find_import(self.person, pk), by=self.person)
        return Response(status=204)


class CheckpointPushes(Endpoint):
    """Pushes of one checkpoint."""

    serializer_class = CheckpointPushSerializer

    @extend_schema(
        operation_id="list_checkpoint_pushes", responses=CheckpointPushSerializer(many=True)
    )
    def get(self, _request: Request, pk: int) -> Response:
        """The newest 20 and how they stand."""
        checkpoint = visible_checkpoint(self.person, pk)
        return Response(
            CheckpointPushSerializer(pushes_of(self.person, checkpoint), many=True).data
        )

    @extend_schema(
        operation_id="push_checkpoint",
        request=PushGiven,
        responses={202: CheckpointPushSerializer},
    )
    def post(self, _request: Request, pk: int) -> Response:
        """Push its files and card to the Hugging Face Hub in the background."""
        checkpoint = visible_checkpoint(self.person, pk)
        push = start_push(checkpoint, self.given(PushGiven)["repo"], by=self.person)
        return Response(CheckpointPushSerializer(push).data, status=202)


class PushDetail(Endpoint):
    """One push."""

    serializer_class = CheckpointPushSerializer

    @extend_schema(operation_id="delete_push", responses={204: None})
    def delete(self, _request: Request, pk: int) -> Response:
        """Forget it; what is on the Hub stays there."""
        delete_push(find_push(self.person, pk), by=self.person)
        return Response(status=204)
