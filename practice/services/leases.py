"""A worker's verbs on a run: claim, renew, hand back. All by conditional update; the row count tells who won."""

import logging
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from practice import events
from practice.errors import LeaseLostError
from practice.models import Dataset, Estimate, Judgement, LogLine, Run, Worker
from practice.models.runs import run_queue
from practice.services import enqueue
from practice.services.datasets import QUALITY_PATIENCE
from practice.services.judging import JUDGE_PATIENCE
from practice.services.work import KINDS

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=15)
"""How long a silent worker keeps its run."""
MAX_STRIKES = 5
"""Attempts in a row without one commit after which a run fails instead of starting again."""
RESEND_AFTER = timedelta(seconds=20)
"""A queued run whose message nobody took is sent again after this long; a second message does no harm."""


def announce(run: Run) -> None:
    """Tell the pages that `run` changed."""
    events.publish_on_commit(
        events.RunChanged(
            run=run.pk,
            task=run.task_id,
            kind=run.kind,
            state=run.state,
            wish=run.wish,
            progress=run.progress,
            iteration=run.iteration,
            eta_seconds=run.eta_seconds,
        )
    )


def add_log(run: Run, text: str, *, level: str = "info") -> LogLine:
    """Add a line to the run's log and tell the pages."""
    line = LogLine.objects.create(run=run, text=text, level=level)
    events.publish_on_commit(events.LogAdded(run=run.pk, last=line.pk))
    return line


@transaction.atomic
def claim_run(run_id: int, *, owner: str, worker: str, device_name: str) -> Run | None:
    """Take a queued run for `owner`; None when another process has it or nobody wants it any more."""
    now = timezone.now()
    claimed = Run.objects.filter(pk=run_id, state=Run.State.QUEUED).update(
        state=Run.State.RUNNING,
        lease_owner=owner,
        lease_expires_at=now + LEASE,
        heartbeat_at=now,
        attempts=F("attempts") + 1,
        worker=worker,
        device_name=device_name,
        ended_at=None,
        error="",
    )
    if not claimed:
        return None
    Run.objects.filter(pk=run_id, started_at=None).update(started_at=now)
    run = Run.objects.get(pk=run_id)
    again = "" if run.attempts == 1 else f" again (attempt {run.attempts})"
    add_log(run, f"Started{again} on {worker}, {device_name}.")
    announce(run)
    return run


def renew_lease(run_id: int, *, owner: str) -> str:
    """Prolong the lease and learn what a person wishes ("", "pause" or "stop").

    An expired lease that nobody has taken is renewed as well: its holder was only cut off from the database.

    Raises:
        LeaseLostError: the run is no longer this owner's; its process must end without another write.
    """
    now = timezone.now()
    held = Run.objects.held_by(owner).filter(pk=run_id)
    if not held.update(lease_expires_at=now + LEASE, heartbeat_at=now):
        raise LeaseLostError(f"Run {run_id} is no longer held by {owner}.")
    return Run.objects.values_list("wish", flat=True).get(pk=run_id)


@transaction.atomic
def hand_back(run_id: int, *, owner: str, reason: str) -> None:
    """Queue the run again because its process died, or fail it when it keeps dying without a commit."""
    run = Run.objects.select_for_update().held_by(owner).filter(pk=run_id).first()
    if run is not None:
        _requeue(run, reason)


def _requeue(run: Run, reason: str) -> None:
    run.strikes += 1
    run.lease_owner, run.lease_expires_at = "", None
    if run.wish == Run.Wish.STOP:
        run.state, run.wish, run.ended_at = Run.State.CANCELLED, Run.Wish.NONE, timezone.now()
        add_log(run, f"{reason} It had been asked to stop, and is stopped.", level="warning")
    elif run.wish == Run.Wish.PAUSE:
        run.state, run.wish = Run.State.PAUSED, Run.Wish.NONE
        add_log(run, f"{reason} It had been asked to pause, and is paused.", level="warning")
    elif run.strikes >= MAX_STRIKES:
        run.state, run.ended_at = Run.State.FAILED, timezone.now()
        run.error = f"{reason} It ended {run.strikes} times in a row without progress."
        add_log(run, run.error, level="error")
    else:
        run.state, run.queued_at = Run.State.QUEUED, timezone.now()
        add_log(run, f"{reason} It goes on from its last commit.", level="warning")
        enqueue.enqueue_on_commit(enqueue.EXECUTE_RUN, run.pk, queue=run.queue)
    run.save(
        update_fields=[
            "state",
            "wish",
            "strikes",
            "lease_owner",
            "lease_expires_at",
            "queued_at",
            "ended_at",
            "error",
        ]
    )
    announce(run)


def requeue_expired() -> int:
    """Queue again every run whose worker fell silent, and send lost messages again; gives how many rows moved."""
    now = timezone.now()
    moved = 0
    expired = Run.objects.filter(state=Run.State.RUNNING, lease_expires_at__lt=now)
    for run_id in expired.values_list("pk", flat=True):
        with transaction.atomic():
            run = (
                Run.objects.select_for_update(skip_locked=True)
                .filter(pk=run_id, state=Run.State.RUNNING, lease_expires_at__lt=timezone.now())
                .first()
            )
            if run is not None:
                _requeue(run, f"The worker {run.worker} fell silent.")
                moved += 1
    return moved + _resend(now)


def _resend(now: datetime) -> int:
    """Send again the messages of queued rows that nobody took; a Redis that died took its messages with it."""
    moved = 0
    waiting = Run.objects.filter(state=Run.State.QUEUED, queued_at__lt=now - RESEND_AFTER)
    for run_id, device_kind in waiting.values_list("pk", "device_kind"):
        queue = run_queue(device_kind)
        if has_idle_slot(queue) and waiting.filter(pk=run_id).update(queued_at=now):
            enqueue.send(enqueue.EXECUTE_RUN, run_id, queue=queue)
            moved += 1
    moved += sum(kind.resend(now) for kind in KINDS)
    return moved + _resend_quality(now) + _resend_judgements(now) + _resend_estimates(now)


def has_idle_slot(queue: str) -> bool:
    """Whether a worker listens to `queue` and has a slot free; while all are busy a message may well wait."""
    workers = {w.name: w.slots for w in Worker.objects.listening_to(queue)}
    busy = Run.objects.filter(state=Run.State.RUNNING, worker__in=workers).count()
    return busy < sum(workers.values())


def _resend_quality(now: datetime) -> int:
    moved = 0
    unmeasured = Dataset.objects.filter(state=Dataset.State.READY, lease_expires_at__lt=now)
    for dataset_id in unmeasured.values_list("pk", flat=True):
        if unmeasured.filter(pk=dataset_id).update(lease_expires_at=now + QUALITY_PATIENCE):
            enqueue.send(enqueue.JUDGE_QUALITY, dataset_id, queue="cpu")
            moved += 1
    return moved


def _resend_judgements(now: datetime) -> int:
    moved = 0
    pending = Judgement.objects.filter(distance=[], error="", asked_at__lt=now - JUDGE_PATIENCE)
    for judgement_id in pending.values_list("pk", flat=True):
        if pending.filter(pk=judgement_id).update(asked_at=now):
            enqueue.send(enqueue.JUDGE_EPISODE, judgement_id, queue="cpu")
            moved += 1
    return moved


def _resend_estimates(now: datetime) -> int:
    """Those whose worker fell silent wait again; those that wait while a slot is idle have lost their message."""
    lost = Estimate.objects.filter(state=Estimate.State.RUNNING, lease_expires_at__lt=now)
    # What ends its worker twice would end the next one too.
    lost.filter(attempts__gt=1).update(
        state=Estimate.State.FAILED,
        lease_owner="",
        error="The worker that tried it fell silent, twice; see its log, and ask again for less.",
    )
    lost.update(state=Estimate.State.QUEUED, lease_owner="", queued_at=now - 2 * RESEND_AFTER)
    moved = 0
    waiting = Estimate.objects.filter(state=Estimate.State.QUEUED, queued_at__lt=now - RESEND_AFTER)
    for estimate in waiting:
        if has_idle_slot(estimate.queue) and waiting.filter(pk=estimate.pk).update(queued_at=now):
            enqueue.send(enqueue.ESTIMATE_RUN, estimate.pk, queue=estimate.queue)
            moved += 1
    return moved
