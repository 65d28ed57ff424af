"""Rows that one worker at a time works on: datasets that come in, exports, checkpoints on their way.

Such a row waits, is held under a lease, and is over. All by conditional update; the row count tells who won.
"""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, Model, Q
from django.utils import timezone

from practice.errors import LeaseLostError
from practice.models import CheckpointImport, CheckpointPush, Dataset, Export
from practice.services import datasets, enqueue, transfers

PATIENCE = timedelta(minutes=30)
"""How long nothing may be heard of a worker while it packs, pushes or tries; a checkpoint pushed twice is the same one."""
RESEND_AFTER = timedelta(seconds=20)
"""A row sent again is sent once more when nobody has taken it after so long; a second message does no harm."""
MAX_ATTEMPTS = 3
"""Attempts without an end after which a row fails: what ended its worker so often would end the next one too."""


@dataclass(frozen=True, slots=True)
class Work:
    """One kind of these rows, which are `Leased` and have `state` and `error`; they begin as "queued"."""

    rows: type[Model]
    working: str
    """The state of a row that is held."""
    job: str
    lease: timedelta
    """How long a silent worker keeps its row."""
    announce: Callable[[Any], None]
    """Tells the pages that a row changed."""

    def claim(self, pk: int, **facts: object) -> str:
        """Hold the waiting row of this number; gives the lease's owner, "" where there is nothing to do."""
        owner, now = uuid.uuid4().hex, timezone.now()
        waiting = Q(state="queued") | Q(state=self.working, lease_expires_at__lt=now)
        taken = self._rows.filter(waiting, pk=pk, attempts__lt=MAX_ATTEMPTS).update(
            state=self.working,
            attempts=F("attempts") + 1,
            lease_owner=owner,
            lease_expires_at=now + self.lease,
            error="",
            **facts,
        )
        return owner if taken else ""

    def held(self, pk: int, owner: str) -> Any:
        """The row under this lease, as a queryset."""
        return self._rows.filter(pk=pk, state=self.working, lease_owner=owner)

    def keep(self, pk: int, owner: str, lease: timedelta | None = None, **facts: object) -> None:
        """Store `facts` and renew the lease.

        Raises:
            LeaseLostError: it was deleted or stopped, or another worker holds it.
        """
        until = timezone.now() + (lease or self.lease)
        if not self.held(pk, owner).update(lease_expires_at=until, **facts):
            raise LeaseLostError(f"{self.rows.__name__} {pk} is no longer held by this worker.")

    def conclude(self, pk: int, owner: str, **facts: object) -> bool:
        """End it; False where it was deleted or another worker holds it."""
        ended = self.held(pk, owner).update(lease_owner="", lease_expires_at=None, **facts)
        return bool(ended)

    def resend(self, now: datetime) -> int:
        """Send again the messages of rows that nobody took, or whose worker fell silent, and fail those where that happened too
        often; gives how many were sent.
        """
        moved = 0
        stuck = self._rows.filter(state__in=["queued", self.working], lease_expires_at__lt=now)
        self._give_up(stuck.filter(attempts__gte=MAX_ATTEMPTS))
        for pk in stuck.values_list("pk", flat=True):
            again = stuck.filter(pk=pk).update(state="queued", lease_expires_at=now + RESEND_AFTER)
            if again:
                enqueue.send(self.job, pk, queue="cpu")
                moved += 1
        return moved

    def _give_up(self, hopeless: Any) -> None:
        error = (
            f"It was begun {MAX_ATTEMPTS} times and never came to an end; "
            "see the log of the cpu worker, put right what ended it, and try again."
        )
        for row in hopeless:
            over = {"state": "failed", "error": error, "lease_owner": "", "lease_expires_at": None}
            if hopeless.filter(pk=row.pk).update(**over):
                row.state = "failed"
                self.announce(row)

    @property
    def _rows(self) -> Any:
        return self.rows._default_manager


DATASETS = Work(
    Dataset,
    Dataset.State.VALIDATING,
    enqueue.VALIDATE_DATASET,
    datasets.LEASE,
    datasets.announce,
)
EXPORTS = Work(
    Export,
    Export.State.WRITING,
    enqueue.WRITE_EXPORT,
    timedelta(seconds=60),
    lambda export: datasets.announce(export.version.dataset),
)
IMPORTS = Work(CheckpointImport, "working", enqueue.IMPORT_CHECKPOINT, PATIENCE, transfers.announce)
PUSHES = Work(CheckpointPush, "working", enqueue.PUSH_CHECKPOINT, PATIENCE, transfers.announce)
KINDS = (DATASETS, EXPORTS, IMPORTS, PUSHES)


def now_and_then(tell: Callable[[float], None], seconds: float) -> Callable[[float], None]:
    """`tell`, heard at most once in so many seconds."""
    last = 0.0

    def told(share: float) -> None:
        nonlocal last
        if time.monotonic() - last >= seconds:
            last = time.monotonic()
            tell(share)

    return told
