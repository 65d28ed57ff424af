"""Runs: launch, look, pause, resume, stop."""

from collections.abc import Sequence

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from practice.api.base import Endpoint, ListEndpoint
from practice.api.filters import RunFilters
from practice.api.serializers.runs import RunGiven, RunSerializer
from practice.models import Dataset, Run
from practice.selectors.runs import find_run, run_rows
from practice.selectors.waiting import waiting_reasons
from practice.services.runs import launch_run, pause_run, resume_run, stop_run


def show_run(run: Run, *, status: int = 200) -> Response:
    """A run with why it waits."""
    context = {"waiting": waiting_reasons([run])}
    return Response(RunSerializer(run, context=context).data, status=status)


class RunList(ListEndpoint):
    """All runs."""

    serializer_class = RunSerializer
    filterset_class = RunFilters

    def get_queryset(self) -> QuerySet[Run]:
        """What this person may see."""
        return run_rows(self.request.user).prefetch_related("datasets", "versions")

    @extend_schema(operation_id="list_runs", responses=RunSerializer(many=True))
    def get(self, _request: Request) -> Response:
        """Runs, newest first."""
        rows = self.page()
        return self.show_page(rows, waiting=waiting_reasons(rows))

    @extend_schema(
        operation_id="launch_run", request=RunGiven, responses={201: RunSerializer}, filters=False
    )
    def post(self, _request: Request) -> Response:
        """Queue an SFT, practice or evaluation run."""
        given = self.given(RunGiven)
        given["datasets"] = datasets_of(given.get("datasets", []), self.request.user)
        return show_run(launch_run(given.pop("task"), by=self.person, **given), status=201)


def datasets_of(ids: Sequence[int], person: object) -> list[Dataset]:
    """The datasets of these ids.

    Raises:
        ValidationError: naming those that are not there.
    """
    rows = Dataset.objects.visible_to(person).in_bulk(list(ids))
    missing = [str(pk) for pk in ids if pk not in rows]
    if missing:
        raise ValidationError({"datasets": f"There is no dataset {', '.join(missing)}."})
    return list(rows.values())


class RunDetail(Endpoint):
    """One run."""

    serializer_class = RunSerializer

    @extend_schema(operation_id="get_run")
    def get(self, _request: Request, pk: int) -> Response:
        """One run: progress, exact configuration, result, why it waits."""
        return show_run(find_run(self.person, pk))


class RunPause(Endpoint):
    """Pause."""

    serializer_class = RunSerializer

    @extend_schema(operation_id="pause_run", request=None, responses={200: RunSerializer})
    def post(self, _request: Request, pk: int) -> Response:
        """Ask a run to pause; a running one commits first, then frees its worker."""
        return show_run(pause_run(find_run(self.person, pk), by=self.person))


class RunResume(Endpoint):
    """Resume."""

    serializer_class = RunSerializer

    @extend_schema(operation_id="resume_run", request=None, responses={200: RunSerializer})
    def post(self, _request: Request, pk: int) -> Response:
        """Queue a paused, stopped or failed run again; it goes on from its last commit."""
        return show_run(resume_run(find_run(self.person, pk), by=self.person))


class RunStop(Endpoint):
    """Stop."""

    serializer_class = RunSerializer

    @extend_schema(operation_id="stop_run", request=None, responses={200: RunSerializer})
    def post(self, _request: Request, pk: int) -> Response:
        """Ask a run to stop; it keeps its last commit and can be resumed."""
        return show_run(stop_run(find_run(self.person, pk), by=self.person))
