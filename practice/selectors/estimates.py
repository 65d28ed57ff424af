"""Estimates of what runs would cost: which is meant by the same run, how fresh it is, why it waits."""

import hashlib
import json
from collections.abc import Sequence
from datetime import timedelta

from django.utils import timezone

from practice.errors import MissingError
from practice.learning.costs import Cost
from practice.models import Dataset, Estimate, Run
from practice.selectors.workers import crew

FRESH = timedelta(hours=1)
"""How long an estimate stands for the same run on the same kind of device."""


def fingerprint(asked: Run | Estimate, datasets: Sequence[Dataset]) -> str:
    """sha256 of what a run is launched with, but its name."""
    told = [
        asked.task_id, asked.kind, asked.config, sorted(dataset.pk for dataset in datasets),
        asked.with_approved, asked.policy_id, asked.reward_id, asked.device_kind,
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def fresh_estimate(meant: str) -> Estimate | None:
    """The newest of this fingerprint that has not failed, if it is fresh."""
    asked = Estimate.objects.filter(fingerprint=meant, created_at__gt=timezone.now() - FRESH)
    return asked.exclude(state=Estimate.State.FAILED).first()


def fresh_cost(meant: str) -> Cost | None:
    """What it has found out, if it is ready."""
    estimate = fresh_estimate(meant)
    return estimate.cost if estimate else None


def find_estimate(person: object, pk: int) -> Estimate:
    """The estimate of this number.

    Raises:
        MissingError: there is none, or `person` may not see it.
    """
    rows = Estimate.objects.visible_to(person).select_related("task", "created_by")
    estimate = rows.filter(pk=pk).first()
    if estimate is None:
        raise MissingError(f"There is no estimate {pk}; they are kept for a day. Ask again.")
    return estimate


def why_waiting(estimate: Estimate) -> str:
    """One sentence on why a queued estimate has to wait; empty for any other state."""
    if estimate.state != Estimate.State.QUEUED:
        return ""
    team = crew()
    listeners = team.listening(estimate.queue)
    if not listeners:
        kind = f" with a device of kind {estimate.device_kind}" if estimate.device_kind else ""
        return f"No worker{kind} is here that could try it. Start one: manage.py worker gpu"
    if any(line.free for line in listeners):
        return "A worker is free and takes it within seconds."
    return (
        "It is tried where it would run, and every slot there is busy: it waits until one is free."
    )


def expected_cost(run: Run) -> Cost | None:
    """What this run was expected to cost when it was launched; None where nobody had asked."""
    return Cost.from_json(run.cost) if run.cost else None
