"""Tasks."""

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from practice.api.base import Endpoint, ListEndpoint
from practice.api.filters import TaskFilters
from practice.api.serializers.tasks import TaskGiven, TaskSerializer, task_fields
from practice.models import Task
from practice.selectors.tasks import find_task
from practice.services.tasks import archive_task, create_task, update_task


class TaskList(ListEndpoint):
    """All tasks."""

    serializer_class = TaskSerializer
    filterset_class = TaskFilters

    def get_queryset(self) -> QuerySet[Task]:
        """What this person may see."""
        return Task.objects.visible_to(self.request.user).select_related("created_by")

    @extend_schema(operation_id="list_tasks", responses=TaskSerializer(many=True))
    def get(self, _request: Request) -> Response:
        """Tasks by name; archived ones only when asked for."""
        return self.paged()

    @extend_schema(
        operation_id="create_task",
        request=TaskGiven,
        responses={201: TaskSerializer},
        filters=False,
    )
    def post(self, _request: Request) -> Response:
        """Define a task."""
        task = create_task(task_fields(self.given(TaskGiven)), by=self.person)
        return Response(TaskSerializer(task).data, status=201)


class TaskDetail(Endpoint):
    """One task."""

    serializer_class = TaskSerializer

    @extend_schema(operation_id="get_task")
    def get(self, _request: Request, slug: str) -> Response:
        """One task."""
        return Response(TaskSerializer(find_task(self.person, slug)).data)

    @extend_schema(operation_id="change_task", request=TaskGiven)
    def patch(self, _request: Request, slug: str) -> Response:
        """Change what is named; runs that exist keep what they were launched with."""
        task = find_task(self.person, slug)
        changes = task_fields(self.given(TaskGiven, partial=True), task)
        return Response(TaskSerializer(update_task(task, changes, by=self.person)).data)


class TaskArchive(Endpoint):
    """Put away."""

    serializer_class = TaskSerializer

    @extend_schema(operation_id="archive_task", request=None, responses={200: TaskSerializer})
    def post(self, _request: Request, slug: str) -> Response:
        """Put a task away; nothing of it is deleted."""
        task = find_task(self.person, slug)
        return Response(TaskSerializer(archive_task(task, by=self.person, archived=True)).data)


class TaskRestore(Endpoint):
    """Take out again."""

    serializer_class = TaskSerializer

    @extend_schema(operation_id="restore_task", request=None, responses={200: TaskSerializer})
    def post(self, _request: Request, slug: str) -> Response:
        """Take an archived task out again."""
        task = find_task(self.person, slug)
        return Response(TaskSerializer(archive_task(task, by=self.person, archived=False)).data)
