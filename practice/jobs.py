"""What Celery runs. A job gets an id, calls one service, and holds no state of its own."""

import logging
import threading
from functools import cache
from typing import Any

from celery import Task as CeleryTask
from celery import shared_task
from celery.signals import worker_ready, worker_shutting_down
from django.db import InterfaceError, OperationalError, close_old_connections
from django.utils import timezone

from practice import children
from practice.devices import DeviceSlots, visible_devices
from practice.models import Worker
from practice.services import (
    checkpoint_imports,
    checkpoint_pushes,
    enqueue,
    exporting,
    housekeeping,
    importing,
    leases,
    quality,
)

log = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 5.0

_ending = threading.Event()


@cache
def _slots() -> DeviceSlots:
    return DeviceSlots(visible_devices())


@shared_task(name=enqueue.EXECUTE_RUN, bind=True)
def execute_run(self: "CeleryTask[[int], None]", run_id: int) -> None:
    """Execute a run on free devices of this worker; a run that somebody else holds is left alone."""
    with _slots().take(children.devices_wanted(run_id)) as devices:
        children.execute(run_id, worker=str(self.request.hostname), devices=devices)


@shared_task(name=enqueue.VALIDATE_DATASET)
def validate_dataset(dataset_id: int) -> None:
    """Validate an upload and turn its good episodes into rows."""
    importing.import_dataset(dataset_id)


@shared_task(name=enqueue.JUDGE_EPISODE)
def judge_episode(judgement_id: int) -> None:
    """Let a reward model look at an episode, in a process of its own."""
    children.judge(judgement_id)


@shared_task(name=enqueue.JUDGE_QUALITY)
def judge_quality(dataset_id: int) -> None:
    """Measure the quality of a dataset's episodes."""
    quality.judge_dataset_by_id(dataset_id)


@shared_task(name=enqueue.WRITE_EXPORT)
def write_export(export_id: int) -> None:
    """Write a version as a LeRobotDataset .zip, and push it where asked for."""
    exporting.write_export(export_id)


@shared_task(name=enqueue.ESTIMATE_RUN)
def estimate_run(estimate_id: int) -> None:
    """Find out what a run would cost, on a free device of this worker; while all are busy it waits its turn."""
    with _slots().take() as devices:
        children.estimate(estimate_id, devices=devices)


@shared_task(name=enqueue.IMPORT_CHECKPOINT)
def import_checkpoint(import_id: int) -> None:
    """Check a checkpoint from outside; its weights are loaded in a process of their own."""
    checkpoint_imports.import_checkpoint(import_id)


@shared_task(name=enqueue.PUSH_CHECKPOINT)
def push_checkpoint(push_id: int) -> None:
    """Push a checkpoint to the Hub."""
    checkpoint_pushes.push_checkpoint(push_id)


@shared_task(name="practice.jobs.prune")
def prune() -> None:
    """Remove what nothing refers to any more."""
    housekeeping.prune()


@worker_ready.connect
def _announce_worker(sender: Any, **_kwargs: Any) -> None:
    """Say, and keep saying, that this worker is there, what it listens to and what it computes on."""
    device = _slots().devices[0]
    facts = {
        "queues": sorted(sender.app.amqp.queues.consume_from),
        "device_kind": device.kind,
        "device_name": device.name,
        "slots": sender.pool.limit,
        "started_at": timezone.now(),
    }
    beat = threading.Thread(
        target=_keep_announcing, args=(str(sender.hostname), facts), daemon=True
    )
    beat.start()


def _keep_announcing(name: str, facts: dict[str, Any]) -> None:
    """Every worker also queues again what a silent one or a lost message left behind: in a thread, for slots may be busy for hours."""
    while True:
        try:
            Worker.objects.update_or_create(
                name=name, defaults={**facts, "seen_at": timezone.now()}
            )
            leases.requeue_expired()
        except (OperationalError, InterfaceError):
            close_old_connections()  # both will be done when the database is back
        except Exception:  # whatever it is, it must not silence this worker
            log.exception("What others left behind could not be queued; it is tried again.")
        if _ending.wait(HEARTBEAT_SECONDS):
            Worker.objects.filter(name=name).delete()
            return


@worker_shutting_down.connect
def _leave(**_kwargs: Any) -> None:
    """Let runs commit and go on elsewhere, instead of waiting hours for them to end."""
    children.leaving.set()
    _ending.set()
