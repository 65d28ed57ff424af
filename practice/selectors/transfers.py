"""Reads of checkpoints on their way in and out."""

from collections.abc import Sequence
from typing import Any

from practice.errors import MissingError
from practice.models import Checkpoint, CheckpointImport, CheckpointPush, Task
from practice.querysets import VisibleQuerySet
from practice.selectors.workers import why_no_cpu_worker


def import_rows(person: object) -> VisibleQuerySet[CheckpointImport]:
    """The imports that `person` may see, newest first."""
    rows = CheckpointImport.objects.visible_to(person)
    return rows.select_related("task", "created_by", "checkpoint")


def imports_of(person: object, task: Task) -> list[CheckpointImport]:
    """The newest imports of a task."""
    return list(import_rows(person).filter(task=task)[:20])


def find_import(person: object, pk: int) -> CheckpointImport:
    """One import.

    Raises:
        MissingError: there is none, or `person` may not see it.
    """
    row = import_rows(person).filter(pk=pk).first()
    if row is None:
        raise MissingError(f"There is no import {pk} of a checkpoint; it may have been deleted.")
    return row


def pushes_of(person: object, checkpoint: Checkpoint) -> list[CheckpointPush]:
    """The newest pushes of a checkpoint."""
    rows = CheckpointPush.objects.visible_to(person).filter(checkpoint=checkpoint)
    return list(rows.select_related("created_by", "checkpoint")[:20])


def find_push(person: object, pk: int) -> CheckpointPush:
    """One push.

    Raises:
        MissingError: there is none, or `person` may not see it.
    """
    row = CheckpointPush.objects.visible_to(person).select_related("checkpoint").filter(pk=pk)
    push = row.first()
    if push is None:
        raise MissingError(f"There is no push {pk}; it may have been deleted.")
    return push


def why_waiting(rows: Sequence[Any]) -> str:
    """One sentence where a row waits for a worker that is not there."""
    return why_no_cpu_worker() if any(row.state == "queued" for row in rows) else ""
