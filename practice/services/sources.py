"""Imports that nobody uploads: a folder on the server, a dataset of the Hugging Face Hub; and how an import is stopped or tried again."""

import hashlib
import json

from django.db import transaction
from django.utils import timezone

from practice.episodes.hub import is_repo
from practice.errors import ConflictError, InvalidError
from practice.models import Dataset, Task, User
from practice.roles import Role, require
from practice.selectors.folders import find_folder, folder_state
from practice.services import audit, enqueue
from practice.services.datasets import LEASE, announce, check_new, check_task, create_import

UNDER_WAY = (Dataset.State.QUEUED, Dataset.State.VALIDATING, Dataset.State.MAPPING)


def receive_folder(task: Task, path: str, *, by: User, name: str = "") -> Dataset:
    """Queue the import of a dataset that lies in an allowed folder of the server; it stays where it is, unchanged.

    Raises:
        InvalidError: not allowed, not there, no dataset, or the task has it already as it is now.
    """
    check_task(task, by=by)
    folder = find_folder(path)
    size, state = folder_state(folder)
    sha256 = hashlib.sha256(json.dumps([str(folder), state]).encode()).hexdigest()
    check_new(task, sha256, "folder", field="path")
    return create_import(
        task,
        by=by,
        name=name.strip() or folder.name,
        source={"kind": "folder", "path": str(folder)},
        size=size,
        sha256=sha256,
    )


def receive_hub(task: Task, repo: str, revision: str = "", *, by: User, name: str = "") -> Dataset:
    """Queue the import of a dataset of the Hub at `revision`: a branch, tag or commit, the main branch where empty.

    A worker asks the Hub, so that no page waits for it. Raises InvalidError when `repo` is not written as owner/name.
    """
    check_task(task, by=by)
    source = on_the_hub(repo, revision, "dataset")
    return create_import(task, by=by, name=name.strip() or source["repo"], source=source)


def on_the_hub(repo: str, revision: str, what: str) -> dict[str, str]:
    """What a row keeps of a dataset or checkpoint (`what`) on the Hub; `repo` may be owner/name@revision.

    Raises:
        InvalidError: it is not written so.
    """
    repo, revision = repo.strip(), revision.strip()
    if not revision:
        repo, _, revision = repo.partition("@")
    if not is_repo(repo):
        raise InvalidError(
            f"{repo[:80]!r} is no {what} of the Hub; write it as owner/name.",
            fields={"repo": "owner/name"},
        )
    if len(revision) > 100 or not revision.isprintable():
        raise InvalidError(
            f"{revision[:80]!r} is no revision; give a branch, a tag or a commit.",
            fields={"revision": "not a revision"},
        )
    return {"kind": "hub", "repo": repo, "revision": revision}


@transaction.atomic
def stop_import(dataset: Dataset, *, by: User) -> None:
    """Stop an import that is not over; its worker notices at its next report of progress. Nothing is kept of it but the original.

    Raises:
        ConflictError: it is over.
    """
    require(by, Role.OPERATOR)
    stopped = Dataset.objects.filter(
        pk=dataset.pk, kind=Dataset.Kind.IMPORTED, state__in=UNDER_WAY
    ).update(
        state=Dataset.State.FAILED,
        lease_owner="",
        lease_expires_at=None,
        error=f"Stopped by {by}.",
    )
    if not stopped:
        raise ConflictError(f"{dataset} is not being imported; there is nothing to stop.")
    audit.record(by, "dataset.stopped", dataset)
    dataset.refresh_from_db()
    announce(dataset)


@transaction.atomic
def retry_import(dataset: Dataset, *, by: User) -> None:
    """Import again what failed, from where it came.

    Raises:
        ConflictError: it has not failed, or the same content has become another dataset meanwhile.
    """
    check_task(dataset.task, by=by)
    if dataset.sha256 and dataset.state == Dataset.State.FAILED:
        check_new(dataset.task, dataset.sha256, "dataset", field="dataset")
    again = Dataset.objects.filter(
        pk=dataset.pk, kind=Dataset.Kind.IMPORTED, state=Dataset.State.FAILED
    ).update(
        state=Dataset.State.QUEUED,
        progress=0.0,
        error="",
        attempts=0,
        lease_owner="",
        lease_expires_at=timezone.now() + LEASE,
    )
    if not again:
        raise ConflictError(f"{dataset} has not failed; there is nothing to try again.")
    audit.record(by, "dataset.retried", dataset)
    enqueue.enqueue_on_commit(enqueue.VALIDATE_DATASET, dataset.pk, queue="cpu")
    dataset.refresh_from_db()
    announce(dataset)
