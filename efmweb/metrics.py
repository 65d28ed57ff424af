"""`GET /metrics` for Prometheus. Figures about runs and workers are read from rows when asked.

So every web process tells the same, and nothing has to be counted in workers. Admins only: a
scraper sends an admin's token as `Authorization: Token ...`.
"""

from collections.abc import Iterator

import redis
from django.conf import settings
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector
from rest_framework.decorators import api_view, permission_classes
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from practice.models import Dataset, Run, Worker
from practice.roles import Role, holds

QUEUES = ("cpu", "gpu", "actors")


class IsAdmin(BasePermission):
    """Lets admins through."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Whether the person or the token's owner is an admin."""
        del view
        return holds(request.user, Role.ADMIN)


class RowCollector(Collector):
    """Gauges read from the database and from Redis at scrape time."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Runs and datasets by state, workers heard of lately, messages waiting per queue."""
        runs = GaugeMetricFamily("efm_runs", "Runs by kind and state.", labels=["kind", "state"])
        for kind, state, count in (
            Run.objects.order_by().values_list("kind", "state").annotate(count=Count("pk"))
        ):
            runs.add_metric([kind, state], count)
        yield runs
        datasets = GaugeMetricFamily("efm_datasets", "Datasets by state.", labels=["state"])
        for state, count in (
            Dataset.objects.order_by().values_list("state").annotate(count=Count("pk"))
        ):
            datasets.add_metric([state], count)
        yield datasets
        workers = GaugeMetricFamily(
            "efm_worker_slots", "Slots of the workers heard of lately.", labels=["worker", "device"]
        )
        for worker in Worker.objects.alive():
            workers.add_metric([worker.name, worker.device_kind], worker.slots)
        yield workers
        yield _queue_lengths()


def _queue_lengths() -> GaugeMetricFamily:
    lengths = GaugeMetricFamily("efm_queue_messages", "Messages waiting.", labels=["queue"])
    try:
        with redis.Redis.from_url(settings.EFM_REDIS_URL, socket_timeout=2.0) as client:
            for queue in QUEUES:
                key = f"{settings.EFM_REDIS_PREFIX}:celery:{queue}"
                lengths.add_metric([queue], float(client.llen(key)))
    except redis.RedisError:
        # The other figures still tell something; /health is what says that Redis is away.
        return lengths
    return lengths


@api_view(["GET"])
@permission_classes([IsAdmin])
def metrics(_request: HttpRequest) -> HttpResponse:
    """The figures in Prometheus's text format."""
    registry = CollectorRegistry()
    registry.register(RowCollector())
    ProcessCollector(registry=registry)
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
