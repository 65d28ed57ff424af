"""Who may see which rows, and the filters several rooms share."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Self, TypeVar

from django.db import models
from django.utils import timezone

from practice.roles import Role, holds

if TYPE_CHECKING:
    from practice.models import (  # noqa: F401
        Checkpoint,
        Dataset,
        Episode,
        Estimate,
        Export,
        Run,
        Task,
        Upload,
        Worker,
    )

Row = TypeVar("Row", bound=models.Model, covariant=True)  # noqa: PLC0105

WORKER_SILENT_AFTER = timedelta(seconds=20)
"""A worker not heard of for this long counts as gone."""


class VisibleQuerySet(models.QuerySet[Row]):
    """Rows that can be asked who may see them."""

    def visible_to(self, person: object) -> Self:
        """The rows that `person` may see: all for a viewer and above, none for anybody else."""
        return self.all() if holds(person, Role.VIEWER) else self.none()


class TaskQuerySet(VisibleQuerySet["Task"]):
    """Tasks."""

    def current(self) -> Self:
        """Without the archived ones."""
        return self.filter(archived_at=None)


class DatasetQuerySet(VisibleQuerySet["Dataset"]):
    """Datasets."""


class RunQuerySet(VisibleQuerySet["Run"]):
    """Runs."""

    def active(self) -> Self:
        """Waiting for a worker, running, or paused."""
        return self.filter(state__in=["queued", "running", "paused"])

    def held_by(self, owner: str) -> Self:
        """Running under the lease of `owner`."""
        return self.filter(state="running", lease_owner=owner)


class CheckpointQuerySet(VisibleQuerySet["Checkpoint"]):
    """Checkpoints."""


class EpisodeQuerySet(VisibleQuerySet["Episode"]):
    """Episodes."""

    def recorded(self) -> Self:
        """Whose frames were kept, so that there is something to watch."""
        return self.exclude(blob_key="")

    def waiting_for_review(self) -> Self:
        """Recorded practice episodes without a verdict, most doubtful first."""
        return self.recorded().filter(kind="practice", verdict="").order_by("-doubt", "-id")


class EstimateQuerySet(VisibleQuerySet["Estimate"]):
    """Estimates."""


class ExportQuerySet(VisibleQuerySet["Export"]):
    """Exports."""


class UploadQuerySet(models.QuerySet["Upload"]):
    """Uploads; unlike most rows each is its sender's own."""

    def of(self, person: Any) -> Self:
        """The person's, as long as they are kept."""
        return self.filter(person=person, expires_at__gt=timezone.now())

    def unfinished(self) -> Self:
        """Not yet a dataset."""
        return self.filter(dataset=None)


class WorkerQuerySet(models.QuerySet["Worker"]):
    """Workers."""

    def alive(self) -> Self:
        """Heard of lately."""
        return self.filter(seen_at__gte=timezone.now() - WORKER_SILENT_AFTER)

    def listening_to(self, queue: str) -> Self:
        """Alive and consuming `queue`."""
        wanted: Any = [queue]
        return self.alive().filter(queues__contains=wanted)
