"""What a run leaves behind: curves, log, episodes, checkpoints."""

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from practice.api.base import Endpoint, ListEndpoint
from practice.api.filters import EpisodeOfRunFilters
from practice.api.serializers.checkpoints import CheckpointSerializer
from practice.api.serializers.episodes import EpisodeSerializer
from practice.api.serializers.runs import (
    AfterGiven,
    LogAfterGiven,
    LogSerializer,
    PointsSerializer,
)
from practice.models import Checkpoint, Episode
from practice.selectors.runs import find_run

MOST_POINTS = 2_000
MOST_LINES = 500


class RunPoints(Endpoint):
    """Curves."""

    serializer_class = PointsSerializer

    @extend_schema(operation_id="list_run_points", parameters=[AfterGiven])
    def get(self, _request: Request, pk: int) -> Response:
        """The points of a run's curves after an iteration, 2000 at most."""
        after = self.asked(AfterGiven)["after"]
        run = find_run(self.person, pk)
        rows = list(run.points.filter(iteration__gt=after)[: MOST_POINTS + 1])
        points, more = rows[:MOST_POINTS], len(rows) > MOST_POINTS
        last = points[-1].iteration if points else after
        return Response(PointsSerializer({"points": points, "last": last, "more": more}).data)


class RunLog(Endpoint):
    """Log."""

    serializer_class = LogSerializer

    @extend_schema(operation_id="list_run_log", parameters=[LogAfterGiven])
    def get(self, _request: Request, pk: int) -> Response:
        """The lines of a run's log after a line's id, 500 at most."""
        after = self.asked(LogAfterGiven)["after"]
        run = find_run(self.person, pk)
        rows = list(run.log.filter(pk__gt=after)[: MOST_LINES + 1])
        lines, more = rows[:MOST_LINES], len(rows) > MOST_LINES
        last = lines[-1].pk if lines else after
        return Response(LogSerializer({"lines": lines, "last": last, "more": more}).data)


class RunEpisodes(ListEndpoint):
    """Episodes of one run."""

    serializer_class = EpisodeSerializer
    filterset_class = EpisodeOfRunFilters
    queryset = Episode.objects.none()

    def get_queryset(self) -> QuerySet[Episode]:
        """The run's episodes."""
        run = find_run(self.person, self.kwargs["pk"])
        return Episode.objects.filter(run=run).select_related("task")

    @extend_schema(operation_id="list_run_episodes", responses=EpisodeSerializer(many=True))
    def get(self, _request: Request, pk: int) -> Response:
        """The episodes of a run."""
        return self.paged()


class RunCheckpoints(ListEndpoint):
    """Checkpoints of one run."""

    serializer_class = CheckpointSerializer
    queryset = Checkpoint.objects.none()

    def get_queryset(self) -> QuerySet[Checkpoint]:
        """The run's checkpoints."""
        run = find_run(self.person, self.kwargs["pk"])
        return run.checkpoints.select_related("task").prefetch_related("parents")

    @extend_schema(operation_id="list_run_checkpoints", responses=CheckpointSerializer(many=True))
    def get(self, _request: Request, pk: int) -> Response:
        """The checkpoints a run has kept, newest first."""
        return self.paged()
