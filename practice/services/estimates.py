"""Verbs on estimates: ask what a run would cost, find it out on its device, keep the answer, stop."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from practice.errors import ConflictError
from practice.learning.costs import Cost
from practice.models import Checkpoint, Dataset, Estimate, Task, User
from practice.roles import Role, require
from practice.selectors.estimates import fingerprint, fresh_estimate
from practice.services import audit, enqueue
from practice.services.runs import check_inputs, resolve_config

LEASE = timedelta(seconds=15)
"""How long a silent worker keeps an estimate."""


@transaction.atomic
def ask_estimate(
    task: Task,
    *,
    by: User,
    kind: str,
    name: str = "",
    preset: str = "",
    config: Mapping[str, Any] | None = None,
    datasets: Sequence[Dataset] = (),
    with_approved: bool = False,
    policy: Checkpoint | None = None,
    reward: Checkpoint | None = None,
    device_kind: str = "",
) -> Estimate:
    """Queue a probe of what `launch_run` would begin; one of the last hour is given as it is.

    Raises:
        InvalidError: a value, dataset or checkpoint does not fit; `fields` says which.
        ForbiddenError: `by` is no operator.
    """
    require(by, Role.OPERATOR)
    _, exact = resolve_config(task, kind=kind, preset=preset, changes=config or {})
    check_inputs(task, kind=kind, datasets=datasets, policy=policy, reward=reward)
    estimate = Estimate(
        task=task,
        kind=kind,
        config=exact.to_json(),
        with_approved=with_approved,
        rows=sum(dataset.frames for dataset in datasets),
        policy=policy,
        reward=reward,
        device_kind=device_kind,
        created_by=by,
    )
    estimate.fingerprint = fingerprint(estimate, datasets)
    return fresh_estimate(estimate.fingerprint) or _queue(estimate, by)


def _queue(estimate: Estimate, by: User) -> Estimate:
    estimate.queued_at = timezone.now()
    estimate.save()
    audit.record(by, "estimate.asked", estimate, kind=estimate.kind)
    enqueue.enqueue_on_commit(enqueue.ESTIMATE_RUN, estimate.pk, queue=estimate.queue)
    return estimate


def stop_estimate(estimate: Estimate, *, by: User) -> Estimate:
    """Give up finding it out; whoever works on it ends within a second.

    Raises:
        ConflictError: there is nothing to stop.
    """
    require(by, Role.OPERATOR)
    pending = [Estimate.State.QUEUED, Estimate.State.RUNNING]
    stopped = Estimate.objects.filter(pk=estimate.pk, state__in=pending).update(
        state=Estimate.State.FAILED, error=f"Stopped by {by}.", lease_owner=""
    )
    if not stopped:
        raise ConflictError(f"The {estimate} is over; there is nothing to stop.")
    audit.record(by, "estimate.stopped", estimate)
    estimate.refresh_from_db()
    return estimate


def claim_estimate(estimate_id: int, *, owner: str) -> bool:
    """Take a queued estimate for `owner`; whether it was still there to take."""
    queued = Estimate.objects.filter(pk=estimate_id, state=Estimate.State.QUEUED)
    expires = timezone.now() + LEASE
    return bool(
        queued.update(
            state=Estimate.State.RUNNING,
            attempts=F("attempts") + 1,
            lease_owner=owner,
            lease_expires_at=expires,
        )
    )


def renew_estimate(estimate_id: int, *, owner: str) -> bool:
    """Prolong the lease; False where somebody has stopped it, or it is no longer this owner's."""
    expires = timezone.now() + LEASE
    return bool(_held(estimate_id, owner).update(lease_expires_at=expires))


def conclude_estimate(estimate_id: int, *, owner: str, cost: Cost) -> None:
    """Keep what was found out."""
    _held(estimate_id, owner).update(
        state=Estimate.State.READY, result=cost.to_json(), error="", lease_owner=""
    )


def fail_estimate(estimate_id: int, *, owner: str, error: str) -> None:
    """Keep the sentence that says why nothing was found out, unless it is over after all."""
    _held(estimate_id, owner).update(state=Estimate.State.FAILED, error=error, lease_owner="")


def _held(estimate_id: int, owner: str) -> Any:
    return Estimate.objects.filter(pk=estimate_id, state=Estimate.State.RUNNING, lease_owner=owner)
