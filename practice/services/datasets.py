"""Verbs on datasets: receive an upload; validate it and turn its good episodes into rows."""

import hashlib
import tempfile
from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import IO, BinaryIO

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from practice import events, storage
from practice.episodes.archive import ENDINGS, archive_ending
from practice.errors import ConflictError, InvalidError, TooLargeError
from practice.models import Dataset, Task, User
from practice.roles import Role, require
from practice.services import audit, enqueue

CHUNK = 1 << 20
LEASE = timedelta(seconds=60)
"""How long a silent import keeps its dataset; progress renews it."""
QUALITY_PATIENCE = timedelta(minutes=5)
"""How long nothing may be heard of measuring a ready dataset before it is asked for again."""


def receive_upload(
    task: Task, upload: BinaryIO | Iterable[bytes], *, by: User, filename: str, name: str = ""
) -> Dataset:
    """Keep an uploaded archive unchanged, by its content, and queue its validation.

    Raises:
        InvalidError: no archive we read, empty, too large, or the task has this very file already.
    """
    check_receivable(task, by=by, filename=filename)
    with tempfile.NamedTemporaryFile(dir=temporary_folder()) as kept:
        sha256 = keep_bytes(upload, kept, filename)
        return receive_file(
            task, Path(kept.name), by=by, filename=filename, name=name, sha256=sha256
        )


def receive_file(
    task: Task, path: Path, *, by: User, filename: str, name: str = "", sha256: str
) -> Dataset:
    """The same for a file that is here already; `sha256` is its hash, which is not computed again.

    The caller removes `path` afterwards and never writes to it again: on one disk it becomes the kept original without a copy.
    """
    check_receivable(task, by=by, filename=filename)
    size = path.stat().st_size
    check_size(size, filename)
    check_new(task, sha256, "file", field="file")
    key = storage.upload_key(sha256, archive_ending(filename) or "")
    if not storage.blobs().exists(key):
        storage.blobs().adopt(key, path)
    return create_import(
        task,
        by=by,
        name=name.strip() or filename,
        source={"kind": "upload"},
        key=key,
        size=size,
        sha256=sha256,
    )


def check_new(task: Task, sha256: str, what: str, *, field: str) -> None:
    """Raises InvalidError, about the form's `field`, when the task has this very content already."""
    known = task.datasets.filter(sha256=sha256).exclude(state=Dataset.State.FAILED).first()
    if known is not None:
        raise InvalidError(
            f"This very {what} is already dataset {known.pk} ({known.name}) of {task}.",
            fields={field: "already here"},
        )


def check_task(task: Task, *, by: User) -> None:
    """Refuse who may not bring data, and tasks that take none."""
    require(by, Role.OPERATOR)
    if task.archived_at is not None:
        raise ConflictError(f"The task {task.name} is archived; restore it first.")


def check_receivable(task: Task, *, by: User, filename: str) -> None:
    """Refuse before a byte is read what could never become a dataset of `task`."""
    check_task(task, by=by)
    if archive_ending(filename) is None:
        raise InvalidError(
            f"{filename!r} is no archive we read; pack the dataset's folder as one of {', '.join(ENDINGS)}.",
            fields={"file": f"not one of {', '.join(ENDINGS)}"},
        )


def check_size(size: int, filename: str) -> None:
    """Refuse an empty file and one above the limit."""
    if size > settings.EFM_UPLOAD_LIMIT:
        limit = settings.EFM_UPLOAD_LIMIT >> 20
        raise TooLargeError(
            f"{filename!r} is larger than the {limit} MB that EFM_UPLOAD_MB allows.",
            fields={"file": "too large"},
        )
    if not size:
        raise InvalidError(f"{filename!r} is empty.", fields={"file": "empty"})


def temporary_folder() -> Path:
    """Where uploads lie while they arrive."""
    folder = Path(settings.FILE_UPLOAD_TEMP_DIR)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def keep_bytes(upload: BinaryIO | Iterable[bytes], out: IO[bytes], filename: str) -> str:
    """Copy the upload to `out`, counting and hashing; gives its sha256."""
    digest, size = hashlib.sha256(), 0
    for chunk in _chunks(upload):
        size += len(chunk)
        check_size(size, filename)
        digest.update(chunk)
        out.write(chunk)
    out.flush()
    return digest.hexdigest()


def _chunks(upload: BinaryIO | Iterable[bytes]) -> Iterable[bytes]:
    if hasattr(upload, "chunks"):  # Django's UploadedFile
        return upload.chunks(CHUNK)  # type: ignore[no-any-return]
    if hasattr(upload, "read"):
        return iter(lambda: upload.read(CHUNK), b"")
    return upload


@transaction.atomic
def create_import(
    task: Task,
    *,
    by: User,
    name: str,
    source: Mapping[str, str],
    key: str = "",
    size: int = 0,
    sha256: str = "",
) -> Dataset:
    """The row of an import and the message that begins it; `source` is what `Dataset.source` says."""
    dataset = Dataset.objects.create(
        task=task,
        name=name[:160],
        source=dict(source),
        upload_key=key,
        size_bytes=size,
        sha256=sha256,
        created_by=by,
        lease_expires_at=timezone.now() + LEASE,
    )
    audit.record(by, "dataset.uploaded", dataset, size_bytes=size, sha256=sha256, **source)
    enqueue.enqueue_on_commit(enqueue.VALIDATE_DATASET, dataset.pk, queue="cpu")
    announce(dataset)
    return dataset


def announce(dataset: Dataset) -> None:
    """Tell the pages that `dataset` changed."""
    events.publish_on_commit(
        events.DatasetChanged(
            dataset=dataset.pk,
            task=dataset.task_id,
            state=dataset.state,
            progress=dataset.progress,
        )
    )
