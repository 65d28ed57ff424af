"""What imports and pushes of checkpoints share: one worker holds a row, and a row that nobody holds is sent again."""

import uuid
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q
from django.utils import timezone

from practice.models import CheckpointImport, CheckpointPush
from practice.services import enqueue

PATIENCE = timedelta(minutes=30)
"""How long nothing may be heard of a worker that checks or pushes; a checkpoint pushed twice is the same one."""
RESEND_AFTER = timedelta(seconds=20)

_JOBS: tuple[tuple[Any, str], ...] = (
    (CheckpointImport, enqueue.IMPORT_CHECKPOINT),
    (CheckpointPush, enqueue.PUSH_CHECKPOINT),
)


def claim(kind: Any, pk: int) -> str:
    """Hold the waiting row of this number; gives the lease's owner, "" where there is nothing to do."""
    owner, now = uuid.uuid4().hex, timezone.now()
    waiting = Q(state="queued") | Q(state="working", lease_expires_at__lt=now)
    taken = kind.objects.filter(waiting, pk=pk).update(
        state="working", lease_owner=owner, lease_expires_at=now + PATIENCE, error=""
    )
    return owner if taken else ""


def held(kind: Any, pk: int, owner: str) -> Any:
    """The row under this lease, as a queryset."""
    return kind.objects.filter(pk=pk, state="working", lease_owner=owner)


def conclude(kind: Any, pk: int, owner: str, **facts: object) -> bool:
    """End it; False where it was deleted or another worker holds it."""
    ended = held(kind, pk, owner).update(lease_owner="", lease_expires_at=None, **facts)
    return bool(ended)


def resend_transfers(now: datetime) -> int:
    """Send again the messages of rows that nobody took, or whose worker fell silent; gives how many."""
    moved = 0
    for kind, job in _JOBS:
        stuck = kind.objects.filter(state__in=["queued", "working"], lease_expires_at__lt=now)
        for pk in stuck.values_list("pk", flat=True):
            again = stuck.filter(pk=pk).update(state="queued", lease_expires_at=now + RESEND_AFTER)
            if again:
                enqueue.send(job, pk, queue="cpu")
                moved += 1
    return moved
